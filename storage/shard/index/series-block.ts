import { crc32 } from 'node:zlib';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeLabels, writeLabels } from '../../chunk/index.ts';
import type { Labels } from '../../model/labels.ts';

/*
 * A block of series definitions, refs rising, little-endian:
 *
 *   u8 version │ u8 0 │ u16 0 │ u32 series │ u32 CRC-32 of all that follows
 *   per series: (version 2: varint ref, as the difference to the block's first and then to the one before)
 *               u32 id low │ u32 id high │ u32 check word │ labels (chunk/labels-codec.ts)
 *
 * In version 1 refs rise by one from the block's first; a block with gaps, as churn leaves them, has version 2.
 */
const WITHOUT_GAPS = 1;
const WITH_REFS = 2;
const HEADER_BYTES = 12;

export interface SeriesDefinition<Set = Labels> {
  readonly low: number;
  readonly high: number;
  readonly check: number;
  readonly labels: Set;
}

/** `refs` rise, one for each definition; without them they follow each other. */
export function encodeSeriesBlock(definitions: readonly SeriesDefinition[], refs?: readonly number[]): Uint8Array {
  const version = refs === undefined || refs.every((ref, i) => ref === refs[0]! + i) ? WITHOUT_GAPS : WITH_REFS;
  const out = new ColumnWriter(HEADER_BYTES + definitions.length * 256);
  out.uint32(version);
  out.uint32(definitions.length);
  out.uint32(0);
  definitions.forEach(({ low, high, check, labels }, i) => {
    if (version === WITH_REFS) out.unsigned(refs![i]! - refs![Math.max(0, i - 1)]!);
    out.uint32(low);
    out.uint32(high);
    out.uint32(check);
    writeLabels(labels, out);
  });
  const bytes = out.written().slice();
  new DataView(bytes.buffer).setUint32(8, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/** Hands out the definitions in order, with their refs as differences to the block's first. `where` names the block in errors. */
export function decodeSeriesBlock(buffer: ArrayBuffer, where: string, each: (definition: SeriesDefinition, refOffset: number) => void): void {
  readSeriesBlock(buffer, where, decodeLabels, each);
}

/** The same with label sets as `readLabels` has them, which reads just one. */
export function readSeriesBlock<Set>(
  buffer: ArrayBuffer,
  where: string,
  readLabels: (reader: ByteReader) => Set,
  each: (definition: SeriesDefinition<Set>, refOffset: number) => void,
): void {
  const bytes = new Uint8Array(buffer);
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== WITHOUT_GAPS && version !== WITH_REFS) throw new Error(`${where}: version ${version}, this build knows up to ${WITH_REFS}`);
  if (reader.take(3).some((byte) => byte !== 0)) throw new Error(`${where}: bytes 1 to 3 are not zero`);
  const seriesCount = reader.uint32();
  const wantCrc = reader.uint32();
  const crc = crc32(bytes.subarray(HEADER_BYTES));
  if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  let refOffset = 0;
  for (let i = 0; i < seriesCount; i++) {
    refOffset = version === WITHOUT_GAPS ? i : refOffset + reader.varint();
    each({ low: reader.uint32(), high: reader.uint32(), check: reader.uint32(), labels: readLabels(reader) }, refOffset);
  }
  if (!reader.done) throw new Error(`${where}: ${bytes.length - reader.position} bytes too many`);
}
