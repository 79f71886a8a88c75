const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Longer texts are rarely met twice, and are not remembered. */
const KNOWN_BYTES_MAX = 64;
/** Each in the one place that its bytes say: what comes later takes it. Half a megabyte at the most. */
const KNOWN_TEXTS = 4096;
const known = new Array<string>(KNOWN_TEXTS).fill('');

/**
 * The bytes from `start` to `end` as text; throws TypeError when they are not UTF-8.
 *
 * Series that come together have nearly all of their label names and values in common. A decoder's call for each costs several times what comparing it
 * with the text that it was the last time does, and a text that is the same string again is found in maps without being read.
 */
export function utf8Text(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > KNOWN_BYTES_MAX) return decoder.decode(bytes.subarray(start, end));
  const slot = hashOfBytes(bytes, start, end) & (KNOWN_TEXTS - 1);
  const candidate = known[slot]!;
  if (candidate.length === length && isText(candidate, bytes, start)) return candidate;
  const text = decoder.decode(bytes.subarray(start, end));
  // As many UTF-16 units as bytes: all ASCII, which can be compared by units.
  if (text.length === length) known[slot] = text;
  return text;
}

/** Quick to make; whoever sends the bytes can make many the same. */
export function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
  return hash ^ (hash >>> 16);
}

/** Whether the bytes from `start` on are the units of the text: they are ASCII then, and where it is as long as they are, the text is theirs. */
export function isText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
