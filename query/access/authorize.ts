import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { OTLP_PATHS } from '../../ingest/door-paths.ts';
import { otlpEncodingOf, otlpError } from '../../ingest/otlp/otlp-response.ts';
import { discardBody } from '../../ingest/read-body.ts';
import { writeError } from '../../ingest/write-outcome.ts';
import type { Scope } from '../../storage/access/access.ts';
import { DEFAULT_TENANT } from '../../storage/access/tenant-name.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { errorFormOf } from '../error-forms.ts';
import { requestIdOf } from '../request-id.ts';
import { setAccess } from '../tenant.ts';
import type { Authenticator } from './authenticate.ts';
import { checkUrl } from './browser-checks.ts';
import { CHALLENGE } from './credentials.ts';
import { namedTenant } from './request-tenant.ts';
import { routeRule } from './route-scopes.ts';

/**
 * Lets a request through to its route, or not. What is authorised are the very routes that the router has matched and will run: there is no
 * second reading of the path that could see another one. A path without a route costs nothing and is answered behind this, with 404 or 405.
 */
export function authorize(authenticator: Authenticator): MiddlewareHandler {
  return async (context, next) => {
    const needed = new Set<Scope>();
    let needsWholeTenant = false;
    let takesSignature = false;
    try {
      checkUrl(context.req.raw.url);
      for (const { path, method } of matchedRoutes(context)) {
        const rule = routeRule(path);
        if (rule === undefined) throw new VarveError('forbidden', `${method} ${path} is not in the table of routes and scopes`);
        if (rule === 'read-whole-tenant' || rule === 'read-objects') {
          needed.add('read');
          needsWholeTenant = true;
          takesSignature ||= rule === 'read-objects';
        } else if (rule !== 'open' && rule !== 'middleware') needed.add(rule);
      }
      if (needed.size > 0) {
        const { grant, user } = await (takesSignature ? authenticator.authenticateSigned(context.req.raw) : authenticator.authenticate(context.req.raw));
        for (const scope of needed) {
          if (!grant.scopes.includes(scope)) throw new VarveError('forbidden', `this key may not ${scope === 'admin' ? 'administer' : scope}: it has the scope ${grant.scopes.join(', ')}`);
        }
        if (needsWholeTenant && grant.matchers.length > 0) {
          throw new VarveError('forbidden', 'this key is restricted by label matchers, and what is answered here cannot be restricted to the series that it may see');
        }
        const named = namedTenant(context.req.raw.headers, user, grant);
        setAccess(context, { tenant: named ?? DEFAULT_TENANT, isTenantNamed: named !== undefined, grant });
      }
    } catch (error) {
      await discardBody(context.req.raw, LIMITS.refusedBodyBytesMax);
      return refusal(error, needed, context);
    }
    return next();
  };
}

/** Each in the form that its sender reads: OTLP's status message, plain text for other senders of samples, Iceberg's and S3's errors, the API's envelope. */
function refusal(error: unknown, needed: ReadonlySet<Scope>, context: Context): Response {
  const answer = refusalIn(error, needed, context);
  if (answer.status === 401) answer.headers.set('www-authenticate', CHALLENGE);
  return answer;
}

function refusalIn(error: unknown, needed: ReadonlySet<Scope>, context: Context): Response {
  if (needed.has('write') && error instanceof VarveError) return writerRefusal(error, context);
  return errorFormOf(context.req.path)(error, requestIdOf(context));
}

function writerRefusal(error: VarveError, context: Context): Response {
  const isOtlp = matchedRoutes(context).some(({ path }) => OTLP_PATHS.includes(path));
  return isOtlp ? otlpError(error, otlpEncodingOf(context.req.header('content-type')) ?? 'json') : writeError(error);
}
