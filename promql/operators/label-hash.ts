import type { Labels } from '../../storage/model/labels.ts';
import { xxhash64 } from '../../storage/model/xxhash64.ts';

const encoder = new TextEncoder();

/** Lengths from here on take three bytes more. */
const LONG_LENGTH = 255;

/**
 * A number from 0 to 1 that hangs on nothing but the labels: which series limit_ratio keeps. As in Prometheus it is XXH64 of the labels as
 * its default build keeps them in memory (`labels_stringlabels.go`): each name and value after its length in bytes.
 */
export function labelHashFraction(labels: Labels): number {
  const parts = labels.map((text) => encoder.encode(text));
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length + 4, 0));
  let at = 0;
  for (const part of parts) {
    if (part.length < LONG_LENGTH) bytes[at++] = part.length;
    else {
      bytes.set([LONG_LENGTH, part.length & 0xff, (part.length >> 8) & 0xff, part.length >> 16], at);
      at += 4;
    }
    bytes.set(part, at);
    at += part.length;
  }
  return Number(xxhash64(bytes.subarray(0, at))) / 2 ** 64;
}
