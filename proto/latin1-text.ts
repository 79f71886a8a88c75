/** Arguments of one call. */
const PIECE_CHARACTERS = 4096;

/**
 * Bytes as characters of the same codes, for a text that is kept. Put together one by one, as is quicker for a few that are not, they would be
 * a chain of as many strings, which V8 keeps at 32 bytes a character.
 */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let from = start; from < end; from += PIECE_CHARACTERS) text += String.fromCharCode(...bytes.subarray(from, Math.min(end, from + PIECE_CHARACTERS)));
  return text;
}
