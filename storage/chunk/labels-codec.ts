import { DecodeError } from '../../proto/decode-error.ts';
import type { ByteReader } from '../../proto/varint.ts';
import type { Labels } from '../model/labels.ts';
import { ColumnWriter } from './column-writer.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
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
  const count = reader.varint();
  if (count % 2 !== 0) throw new DecodeError(`labels: ${count} strings are no pairs, at byte ${reader.position}`);
  const labels: string[] = [];
  for (let i = 0; i < count; i++) labels.push(decodeText(reader.take(reader.varint()), reader.position));
  return labels;
}

function decodeText(bytes: Uint8Array, end: number): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new DecodeError(`labels: invalid UTF-8 before byte ${end}`, { cause: error });
  }
}
