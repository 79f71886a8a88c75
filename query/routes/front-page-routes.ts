import { Hono } from 'hono';
import type { Authenticator } from '../access/authenticate.ts';
import { VARVE_VERSION } from '../version.ts';
import { API_OPERATIONS, type Operation } from './openapi-operations.ts';

const DOCUMENT_PATH = '/api/v1/openapi.yaml';
/** The page needs nothing that is loaded or run. */
const HEADERS = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", 'cache-control': 'no-store' };

/**
 * What a browser finds at the base URL: which server this is, and where it can be asked what. Everybody may see it, and it is the same of
 * every tenant; the version is for those who could ask for it elsewhere.
 */
export function frontPageRoutes(authenticator: Authenticator): Hono {
  const routes = new Hono();
  routes.get('/', async (context) => {
    const asking = await authenticator.authenticateIfShown(context.req.raw);
    return new Response(frontPage(asking?.grant.scopes.includes('read') === true), { headers: HEADERS });
  });
  return routes;
}

function frontPage(hasVersion: boolean): string {
  const operations = API_OPERATIONS.filter(({ path }) => path !== '/').map(row);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Varve</title></head>
<body>
<h1>Varve${hasVersion ? ` ${VARVE_VERSION}` : ''}</h1>
<p>A metrics backend that speaks Prometheus and OpenTelemetry. There is no user interface here: this URL is that of a Grafana data source of type Prometheus.</p>
<p>What can be asked, with all parameters, is described in <a href="${relative(DOCUMENT_PATH)}">OpenAPI</a>. Most of it needs a key, unless access is open: <code>Authorization: Bearer KEY</code>.</p>
<table>
${operations.join('\n')}
</table>
</body>
</html>
`;
}

/** Paths that are only read, and take nothing, are links: relative ones, since a proxy may have Varve under a path of its own. */
function row({ path, methods, summary, parameters = [] }: Operation): string {
  const text = `<code>${escaped(path)}</code>`;
  const isPlain = methods.every((method) => method === 'GET') && parameters.length === 0 && !/[:*]/.test(path);
  return `<tr><td>${methods.join(', ')}</td><td>${isPlain ? `<a href="${relative(path)}">${text}</a>` : text}</td><td>${escaped(summary)}</td></tr>`;
}

function relative(path: string): string {
  return `.${escaped(path)}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
