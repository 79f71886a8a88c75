import type { MiddlewareHandler } from 'hono';

/** The codings of Prometheus' answers, in the order of its preference where a client accepts several. */
const CODINGS = ['gzip', 'deflate'] as const;
type Coding = (typeof CODINGS)[number];

/** Answers shorter than this fit a packet as they are. */
const COMPRESSED_BYTES_MIN = 1024;
/** An event stream must leave as it is written, and an object of the bucket as it is stored. */
const NEVER_COMPRESSED = /^(?:text\/event-stream|application\/octet-stream|application\/x-protobuf|application\/x-streamed-protobuf)\b/;

/** Compresses answers for clients that accept it: JSON of series shrinks to a tenth. */
export function withCompression(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { res } = context;
    const { headers: given } = res;
    const length = given.get('content-length');
    // What has a length has a body, and asking for it makes a stream of it.
    if ((length === null && res.body === null) || context.req.method === 'HEAD' || given.has('content-encoding')) return;
    if (NEVER_COMPRESSED.test(given.get('content-type') ?? '')) return;
    given.append('vary', 'Accept-Encoding');
    if (length !== null && Number(length) < COMPRESSED_BYTES_MIN) return;
    const coding = acceptedCoding(context.req.header('accept-encoding') ?? '');
    if (coding === undefined) return;
    const headers = new Headers(res.headers);
    headers.delete('content-length');
    headers.set('content-encoding', coding);
    // The runtime would compress once more what says that it is compressed.
    const init = { status: res.status, headers, encodeBody: 'manual' };
    context.res = undefined;
    context.res = new Response(res.body!.pipeThrough(new CompressionStream(coding)), init as ResponseInit);
  };
}

/** The coding that the header likes best; of equals the first of CODINGS. */
export function acceptedCoding(header: string): Coding | undefined {
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name!, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  let best: Coding | undefined;
  let bestWeight = 0;
  for (const coding of CODINGS) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0;
    if (weight > bestWeight) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}
