import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../proto/varint.ts';
import { QuantileSketch } from '../model/quantile-sketch.ts';
import { ColumnWriter } from './column-writer.ts';

/*
 * A quantile sketch as bytes, to stand in a column:
 *
 *   u8 version │ varint zeros │ varint NaNs │ varint +∞ │ varint -∞
 *   for values above zero, then for those below: varint buckets, per bucket: signed index - index before │ varint count
 *
 * Version 1 has buckets of 1 % (storage/model/quantile-sketch.ts). Buckets rise; the index before the first is 0.
 */
const VERSION = 1;

const out = new ColumnWriter(1024);

export function encodeSketch(sketch: QuantileSketch): Uint8Array {
  out.clear();
  out.byte(VERSION);
  for (const count of [sketch.zeros, sketch.nans, sketch.positiveInfinities, sketch.negativeInfinities]) out.unsigned(count);
  for (const side of [sketch.positive, sketch.negative]) {
    out.unsigned(side.size);
    let before = 0;
    for (const index of [...side.keys()].sort((a, b) => a - b)) {
      out.signed(index - before);
      out.unsigned(side.get(index)!);
      before = index;
    }
  }
  return out.written().slice();
}

/** Adds an encoded sketch to one. Throws DecodeError when it is damaged. */
export function mergeEncodedSketch(bytes: Uint8Array, into: QuantileSketch): void {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== VERSION) throw new DecodeError(`sketch: version ${version}, this build knows ${VERSION}`);
  into.zeros += reader.varint();
  into.nans += reader.varint();
  into.positiveInfinities += reader.varint();
  into.negativeInfinities += reader.varint();
  for (const side of [into.positive, into.negative]) {
    let index = 0;
    for (let left = reader.varint(); left > 0; left--) {
      index += signedVarint(reader);
      side.set(index, (side.get(index) ?? 0) + reader.varint());
    }
  }
  if (!reader.done) throw new DecodeError(`sketch: ${reader.end - reader.position} bytes too many`);
}
