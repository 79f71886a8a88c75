import type { Context, MiddlewareHandler } from 'hono';
import { KEY_PREFIX } from '../storage/access/key-text.ts';
import { RandomIds, type Random } from '../storage/runtime/random.ts';

const HEADER = 'x-request-id';
/** What a client or a proxy in front may call its request: short, printable, and harmless in a log line. */
const SANE_ID = /^[\w.:/+=-]{1,128}$/;

/** Gives each request an id, the client's own where it sends a sane one: in the answer's header, and in the log line of what went wrong. */
export function withRequestId(random: Random): MiddlewareHandler {
  const ids = new RandomIds(random);
  return async (context, next) => {
    const given = context.req.header(HEADER);
    const id = given !== undefined && SANE_ID.test(given) && !holdsKey(given, context.req.header('authorization')) ? given : ids.next();
    context.set('requestId', id);
    await next();
    context.res.headers.set(HEADER, id);
  };
}

/** Whether a client calls its request by its key, or by one of ours: it would stand in the log. */
function holdsKey(id: string, authorization: string | undefined): boolean {
  const own = authorization?.trim().split(/\s+/)[1];
  return id.includes(KEY_PREFIX) || (own !== undefined && id.includes(own));
}

/** The id of a request; `undefined` where no middleware gave it one. */
export function requestIdOf(context: Context): string | undefined {
  return context.get('requestId') as string | undefined;
}
