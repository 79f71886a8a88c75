import { DecodeError } from '../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from './column-writer.ts';

/**
 * Whole milliseconds up to this, on either side of 1970, can be stored: changes of a delta are then below 2^52 and fit a signed varint. It
 * is the year 37,648.
 */
export const TIMESTAMP_MS_MAX = 2 ** 50 - 1;

/**
 * Timestamps (whole ms, at least one, rising but in late batches) as delta of delta with run lengths: the first, then pairs of (change of the
 * delta, which begins at 0, and how many timestamps follow with it). A scrape every 15 s on time is one pair, whatever its length.
 */
export function encodeTimestamps(timestampsMs: Float64Array, start: number, end: number, out: ColumnWriter): void {
  out.signed(timestampsMs[start]!);
  let delta = 0;
  let i = start + 1;
  while (i < end) {
    const next = timestampsMs[i]! - timestampsMs[i - 1]!;
    let run = 1;
    while (i + run < end && timestampsMs[i + run]! - timestampsMs[i + run - 1]! === next) run++;
    out.signed(next - delta);
    out.unsigned(run);
    delta = next;
    i += run;
  }
}

/** The other direction of `encodeTimestamps`: Unix ms. Throws a DecodeError for what that does not write. */
export function decodeTimestamps(reader: ByteReader, count: number): Float64Array {
  const timestampsMs = new Float64Array(count);
  if (count === 0) return timestampsMs;
  timestampsMs[0] = signedVarint(reader);
  let delta = 0;
  for (let i = 1; i < count; ) {
    delta += signedVarint(reader);
    const run = reader.varint();
    if (run === 0 || run > count - i) throw new DecodeError(`timestamps: a run of ${run} with ${count - i} to go`);
    for (const end = i + run; i < end; i++) timestampsMs[i] = timestampsMs[i - 1]! + delta;
  }
  return timestampsMs;
}
