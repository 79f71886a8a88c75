import { VarveError } from '../storage/runtime/errors.ts';

/** A request's body, at most `bytesMax` long: the declared length is checked first, and what really arrives while it does. */
export async function readBody(request: Request, bytesMax: number, limitName: string): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  // With a declared length the runtime holds the sender to it; without one, count.
  if (declared !== null && Number(declared) <= bytesMax) return new Uint8Array(await request.arrayBuffer());
  if (request.body === null) return new Uint8Array(0);
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  const body = declared === null ? await readUpTo(reader, bytesMax) : undefined;
  if (body !== undefined) return body;
  await discard(reader, bytesMax * DISCARD_FACTOR);
  throw new VarveError('too-large', `the body is larger than the limit ${limitName} of ${bytesMax} bytes; send smaller requests`);
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** The whole stream, `undefined` when it is longer than `bytesMax`. */
async function readUpTo(reader: Reader, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) return undefined;
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    body.set(chunk, position);
    position += chunk.length;
  }
  return body;
}

/**
 * A body over the limit is read on and thrown away, up to this many times the limit: a client that is still sending when the connection
 * closes sees a broken pipe instead of the answer, and a remote-write sender would then try the same again for ever.
 */
const DISCARD_FACTOR = 3;

async function discard(reader: Reader, bytesMax: number): Promise<void> {
  for (let length = 0; length <= bytesMax; ) {
    const { done, value } = await reader.read();
    if (done) return;
    length += value.length;
  }
  await reader.cancel();
}

/**
 * Throws away the body of a request that is refused without looking at it, when it is no longer than `bytesMax`: for the same reason. Longer
 * ones are cut off, since somebody who has not said who he is must not keep us reading.
 */
export async function discardBody(request: Request, bytesMax: number): Promise<void> {
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (request.body === null || request.bodyUsed || declared > bytesMax) return;
  // A client that hangs up meanwhile gets no answer anyway.
  await discard((request.body as ReadableStream<Uint8Array>).getReader(), bytesMax).catch(() => {});
}
