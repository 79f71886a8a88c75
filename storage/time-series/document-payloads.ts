import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import { must } from '../runtime/assert.ts';
import type { Part } from '../shard/run/piece.ts';
import { documentId } from './documents.ts';

const utf8 = new TextEncoder();

/**
 * Samples as files have them: a document is there itself, as UTF-8, where the hot tier has its id. From sample `from` up to `to`, as many as
 * `bytesMax` of documents allow, at least one. `read` finds a document.
 */
export function withDocuments(read: (timestampMs: number, id: number) => string | undefined, part: Part, from: number, to: number, bytesMax: number): Part {
  let bits: Uint32Array | undefined;
  const payloads: Uint8Array[] = [];
  let bytes = 0;
  let end = from;
  for (; end < to && (end === from || bytes < bytesMax); end++) {
    const id = documentId(part.bits[end * 2]!, part.bits[end * 2 + 1]!);
    if (id === undefined) continue;
    const text = must(read(part.timestampsMs[end]!, id), `document ${id} is missing`);
    bits ??= part.bits.slice();
    const payload = utf8.encode(text);
    bytes += payload.length;
    bits[end * 2] = payloads.push(payload) - 1;
    bits[end * 2 + 1] = HISTOGRAM_BITS_HIGH;
  }
  return bits === undefined ? { ...part, from, to: end } : { ...part, bits, payloads, from, to: end };
}
