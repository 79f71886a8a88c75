import { VarveError } from '../storage/runtime/errors.ts';

/** A request's body, at most `bytesMax` long: the declared length is checked first, and what really arrives while it does. */
export async function readBody(request: Request, bytesMax: number, limitName: string): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (declared !== null && Number(declared) > bytesMax) throw tooLarge(bytesMax, limitName);
  // With a declared length the runtime holds the sender to it; without one, count.
  if (declared !== null) return new Uint8Array(await request.arrayBuffer());
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax, limitName);
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    body.set(chunk, position);
    position += chunk.length;
  }
  return body;
}

function tooLarge(bytesMax: number, limitName: string): VarveError {
  return new VarveError('too-large', `the body is larger than the limit ${limitName} of ${bytesMax} bytes; send smaller requests`);
}
