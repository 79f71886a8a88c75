import { DecodeError } from '../../proto/decode-error.ts';
import type { Labels } from '../model/labels.ts';
import { ByteReader, varintLength, writeVarint } from '../../proto/varint.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A label set as bytes: the number of strings, then each as length and UTF-8. See FORMAT.md. */
export function encodeLabels(labels: Labels): Uint8Array {
  const strings = labels.map((text) => encoder.encode(text));
  let length = varintLength(strings.length);
  for (const text of strings) length += varintLength(text.length) + text.length;
  const bytes = new Uint8Array(length);
  let position = writeVarint(bytes, 0, strings.length);
  for (const text of strings) {
    position = writeVarint(bytes, position, text.length);
    bytes.set(text, position);
    position += text.length;
  }
  return bytes;
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
