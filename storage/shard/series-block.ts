import { crc32 } from 'node:zlib';
import { ByteReader } from '../../proto/varint.ts';
import { decodeLabels, encodeLabels } from '../chunk/labels-codec.ts';
import type { Labels } from '../model/labels.ts';

/*
 * A block of series definitions, refs rising by one, little-endian:
 *
 *   u8 version │ u8 0 │ u16 0 │ u32 series │ u32 CRC-32 of all that follows
 *   per series: u32 id low │ u32 id high │ u32 check word │ labels (chunk/labels-codec.ts)
 */
const VERSION = 1;
const HEADER_BYTES = 12;

export interface SeriesDefinition {
  readonly low: number;
  readonly high: number;
  readonly check: number;
  readonly labels: Labels;
}

export function encodeSeriesBlock(definitions: readonly SeriesDefinition[]): Uint8Array {
  const labels = definitions.map((definition) => encodeLabels(definition.labels));
  const bytes = new Uint8Array(labels.reduce((sum, encoded) => sum + 12 + encoded.length, HEADER_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint32(4, definitions.length, true);
  let position = HEADER_BYTES;
  definitions.forEach((definition, i) => {
    view.setUint32(position, definition.low, true);
    view.setUint32(position + 4, definition.high, true);
    view.setUint32(position + 8, definition.check, true);
    bytes.set(labels[i]!, position + 12);
    position += 12 + labels[i]!.length;
  });
  view.setUint32(8, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/** Hands out the definitions in order. `where` names the block in errors. */
export function decodeSeriesBlock(buffer: ArrayBuffer, where: string, each: (definition: SeriesDefinition) => void): void {
  const bytes = new Uint8Array(buffer);
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== VERSION) throw new Error(`${where}: version ${version}, this build knows ${VERSION}`);
  reader.take(3);
  const seriesCount = reader.uint32();
  const wantCrc = reader.uint32();
  const crc = crc32(bytes.subarray(HEADER_BYTES));
  if (crc !== wantCrc) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  for (let i = 0; i < seriesCount; i++) {
    each({ low: reader.uint32(), high: reader.uint32(), check: reader.uint32(), labels: decodeLabels(reader) });
  }
  if (!reader.done) throw new Error(`${where}: ${bytes.length - reader.position} bytes too many`);
}
