import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import type { ColumnWriter } from './column-writer.ts';

/** Rising positions in a column: how many, then the gaps between them, or before the first. */
export function writePositions(positions: readonly number[], out: ColumnWriter): void {
  out.unsigned(positions.length);
  let previous = -1;
  for (const position of positions) {
    out.unsigned(position - previous - 1);
    previous = position;
  }
}

/** `what` names the things in errors, in the plural. */
export function readPositions(reader: ByteReader, count: number, what: string): number[] {
  const length = reader.varint();
  if (length > count) throw new DecodeError(`values: ${length} ${what} among ${count} samples`);
  const positions: number[] = [];
  let previous = -1;
  for (let i = 0; i < length; i++) {
    previous += reader.varint() + 1;
    if (previous >= count) throw new DecodeError(`values: one of the ${what} at ${previous} of ${count}`);
    positions.push(previous);
  }
  return positions;
}

/** Values `start` to `end`, two words each, without those at some positions from `start` on. */
export function without(bits: Uint32Array, start: number, end: number, positions: readonly number[]): Uint32Array<ArrayBuffer> {
  const kept = new Uint32Array((end - start - positions.length) * 2);
  let length = 0;
  let next = 0;
  for (let i = start; i < end; i++) {
    if (positions[next] === i - start) {
      next++;
      continue;
    }
    kept[length++] = bits[i * 2]!;
    kept[length++] = bits[i * 2 + 1]!;
  }
  return kept;
}

/** Makes room in `bits`, which has `plainCount` values at its beginning, for those that belong at the positions; `put` writes them. */
export function putBack(bits: Uint32Array, plainCount: number, positions: readonly number[], put: (at: number, index: number) => void): void {
  let from = plainCount - 1;
  let index = positions.length - 1;
  for (let to = plainCount + positions.length - 1; index >= 0; to--) {
    if (positions[index] === to) put(to, index--);
    else {
      bits[to * 2] = bits[from * 2]!;
      bits[to * 2 + 1] = bits[from * 2 + 1]!;
      from--;
    }
  }
}
