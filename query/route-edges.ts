import type { Context, Hono, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Clock } from '../storage/runtime/clock.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { routeRule } from './access/route-scopes.ts';
import { requestIdOf } from './request-id.ts';
import { errorFormOf } from './error-forms.ts';
import { readOnlyCatalog } from './iceberg/iceberg-error.ts';
import { S3_MOUNT } from './s3/object-path.ts';
import { S3Error } from './s3/s3-error.ts';

/**
 * Counts answers by route (never by path: a client must not make series) and status, and how long they took up to their first byte. Where
 * the clock stands still while a Worker computes (in production) that is the time spent waiting.
 */
export function withRequestCount(counters: Counters, clock: Clock): MiddlewareHandler {
  return async (context, next) => {
    const startMs = clock.elapsedMs();
    await next();
    const pattern = routePath(context, -1);
    // What every request passes is no route.
    const route = pattern === '/*' ? 'unknown' : pattern;
    counters.add('varve_http_requests_total', { route, code: String(context.res.status) }, 1);
    counters.observe('varve_http_request_duration_seconds', { route }, (clock.elapsedMs() - startMs) / 1000);
  };
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'];

/** A path that exists for other methods is 405 with `Allow`; OPTIONS on the API is 204; anything else unknown is 404 in the API's envelope. */
export function notFound(app: Hono): (context: Context) => Response {
  return (context) => {
    const { path, method } = context.req;
    if (method === 'OPTIONS' && path.startsWith('/api/v1/') && !METHODS.some((other) => hasRoute(app, other, path))) return new Response(null, { status: 204 });
    const allowed = METHODS.filter((other) => other !== method && hasRoute(app, other, path));
    if (allowed.length > 0) {
      if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow: [...allowed, 'OPTIONS'].join(', ') } });
      const refused = writeRefusal(method, path);
      if (refused !== undefined) return errorFormOf(path)(refused, requestIdOf(context));
      return methodNotAllowed(method, allowed, isOfQueryApi(app, allowed[0]!, path));
    }
    return errorFormOf(path)(writeRefusal(method, path) ?? new VarveError('not-found', `there is nothing at ${path}`), requestIdOf(context));
  };
}

/** In the API's envelope to those who query; senders read text. */
function methodNotAllowed(method: string, allowed: readonly string[], isEnveloped: boolean): Response {
  const error = `method ${method} is not allowed here; use ${allowed.join(' or ')}`;
  const init = { status: 405, headers: { allow: allowed.join(', ') } };
  return isEnveloped ? Response.json({ status: 'error', errorType: 'bad_data', error }, init) : new Response(`${error}\n`, init);
}

function isOfQueryApi(app: Hono, method: string, path: string): boolean {
  const [handlers] = app.router.match(method, path);
  return path.startsWith('/api/v1/') && !handlers.some(([[, route]]) => routeRule(route.path) === 'write');
}

/** What those get who want to change what can only be read, whatever the path says. */
function writeRefusal(method: string, path: string): VarveError | undefined {
  if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)) return undefined;
  if (path.startsWith('/iceberg/')) return readOnlyCatalog();
  return path === S3_MOUNT || path.startsWith(`${S3_MOUNT}/`) ? new S3Error('MethodNotAllowed', 405, 'objects are read and listed here, and nothing else', { allow: 'GET, HEAD' }) : undefined;
}

function hasRoute(app: Hono, method: string, path: string): boolean {
  const [handlers] = app.router.match(method, path);
  // What sees every path on its way is no route.
  return handlers.some(([[, route]]) => routeRule(route.path) !== 'middleware');
}
