import type { MiddlewareHandler } from 'hono';
import { compileMatcher } from '../storage/model/compile-matcher.ts';
import { badData, messageOf } from '../storage/runtime/errors.ts';

/** The headers that Prometheus sends with every answer to a request of another origin (`util/httputil/cors.go`). */
const CORS_HEADERS = {
  'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin, X-Scope-OrgID',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-expose-headers': 'Date, X-Request-Id',
} as const;

/** The pattern that admits every origin; the answer then says so without looking at the request. */
const ANY_ORIGIN = '.*';

/**
 * Lets the pages of origins that the pattern matches as a whole read answers. `Vary: Origin` is on every answer, so that no cache gives
 * one origin's answer to another. Throws bad-data for a pattern that cannot be read.
 */
export function withCors(originPattern: string): MiddlewareHandler {
  let isAllowed: (origin: string) => boolean;
  try {
    isAllowed = compileMatcher({ name: 'origin', type: '=~', value: originPattern });
  } catch (error) {
    throw badData(`VARVE_CORS_ORIGIN is ${JSON.stringify(originPattern)}: ${messageOf(error)}`);
  }
  return async (context, next) => {
    await next();
    const { headers } = context.res;
    headers.append('vary', 'Origin');
    const origin = context.req.header('origin');
    if (origin === undefined) return;
    for (const [name, value] of Object.entries(CORS_HEADERS)) headers.set(name, value);
    if (originPattern === ANY_ORIGIN) headers.set('access-control-allow-origin', '*');
    else if (isAllowed(origin)) headers.set('access-control-allow-origin', origin);
  };
}
