import { badData, VarveError } from '../../storage/runtime/errors.ts';

/** Whether a name, as it stands in a URL, can only mean this machine. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Refuses what a web page can make a browser on this machine send to an open server.
 *
 * A page whose name is rebound to 127.0.0.1 arrives with its own name in `Host`. A page that posts a form to localhost arrives with its own
 * origin, or `cross-site`, in headers that scripts cannot set. Following a link is harmless, since no GET changes anything.
 */
export function checkFromLoopback(request: Request): void {
  if (!checkUrl(request.url)) {
    throw new VarveError('forbidden', 'there is no key, so only requests to localhost, 127.0.0.1 or [::1] are served; set VARVE_ADMIN_KEY to use other names');
  }
  const origin = request.headers.get('origin');
  if (origin !== null && !isLoopbackOrigin(origin)) {
    throw new VarveError('forbidden', 'there is no key, so requests from web pages of other origins are not served');
  }
  const isNavigation = request.headers.get('sec-fetch-mode') === 'navigate' && (request.method === 'GET' || request.method === 'HEAD');
  if (request.headers.get('sec-fetch-site') === 'cross-site' && !isNavigation) {
    throw new VarveError('forbidden', 'there is no key, so requests from other sites are not served');
  }
}

let lastOrigin = '';
let isLastLoopback = false;

/**
 * Refuses a URL that is none, which is what the runtime makes of two `Host` headers, and tells whether its name can only mean this machine.
 * Reading a URL costs as much as the rest of letting a request in, and requests come by one name: the answer for the last one is remembered.
 */
export function checkUrl(url: string): boolean {
  const pathAt = url.indexOf('/', url.indexOf('://') + 3);
  const origin = pathAt < 0 ? url : url.slice(0, pathAt + 1);
  if (origin !== lastOrigin) {
    if (!URL.canParse(origin)) throw badData('the header Host does not name one host');
    isLastLoopback = isLoopbackHost(new URL(origin).hostname);
    lastOrigin = origin;
  }
  return isLastLoopback;
}

function isLoopbackOrigin(origin: string): boolean {
  try {
    return isLoopbackHost(new URL(origin).hostname);
  } catch {
    // Such as "null", of sandboxed frames and files.
    return false;
  }
}

/**
 * Refuses what a page of another origin makes a browser do with the session that it holds here: a key must be known to be sent, but a
 * session is sent by itself. What only reads is harmless, since the other page cannot see the answer.
 */
export function checkSameOrigin(request: Request): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  if ((origin === null || origin === new URL(request.url).origin) && (site === null || site === 'same-origin' || site === 'none')) return;
  throw new VarveError('forbidden', 'a session of Cloudflare Access counts for requests of this origin only; send a key');
}
