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
  const labels: string[] = [];
  for (let i = 0; i < count; i++) labels.push(decoder.decode(reader.take(reader.varint())));
  return labels;
}
