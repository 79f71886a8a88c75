import { DecodeError } from '../../proto/decode-error.ts';
import { utf8Text } from '../../proto/utf8-text.ts';
import type { ByteReader } from '../../proto/varint.ts';
import type { Labels } from '../model/labels.ts';
import { ColumnWriter } from './column-writer.ts';

const scratch = new ColumnWriter(1024);

/** A label set as bytes: the number of strings, then each as length and UTF-8. See FORMAT.md. */
export function writeLabels(labels: Labels, out: ColumnWriter): void {
  out.unsigned(labels.length);
  for (const text of labels) out.text(text);
}

export function encodeLabels(labels: Labels): Uint8Array {
  scratch.clear();
  writeLabels(labels, scratch);
  return scratch.written().slice();
}

export function decodeLabels(reader: ByteReader): Labels {
  const count = decodeLabelCount(reader);
  const labels: string[] = [];
  for (let i = 0; i < count; i++) {
    const start = reader.passOver(reader.varint());
    labels.push(decodeLabelText(reader.bytes, start, reader.position));
  }
  return labels;
}

/** The number of strings at the beginning of a label set. */
export function decodeLabelCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count % 2 !== 0) throw new DecodeError(`labels: ${count} strings are no pairs, at byte ${reader.position}`);
  return count;
}

/** The string of a label set whose UTF-8 lies from `start` to `end`. */
export function decodeLabelText(bytes: Uint8Array, start: number, end: number): string {
  try {
    return utf8Text(bytes, start, end);
  } catch (error) {
    throw new DecodeError(`labels: invalid UTF-8 before byte ${end}`, { cause: error });
  }
}
