const utf8 = new TextEncoder();

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return utf8.encode(text).length;
}

/** Whether a text has more than so many: a UTF-16 unit is one to three bytes, so that only what might be too long is encoded. */
export function isLongerUtf8(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && utf8Length(text) > bytesMax;
}
