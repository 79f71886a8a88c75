import { concatBytes } from '../../proto/concat-bytes.ts';

/** The body of somebody else's answer, at most `bytesMax` long; more is an error, and not read. */
export async function readAnswer(answer: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = (answer.body as ReadableStream<Uint8Array> | null)?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) break;
    length += next.value.length;
    if (length > bytesMax) {
      await reader?.cancel();
      throw new Error(`more than ${bytesMax} bytes`);
    }
    chunks.push(next.value);
  }
  return concatBytes(chunks, length);
}
