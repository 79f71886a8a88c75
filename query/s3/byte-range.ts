/** The bytes of an object that a request wants. */
export type WantedBytes = { readonly kind: 'all' } | { readonly kind: 'part'; readonly offset: number; readonly length: number } | { readonly kind: 'unsatisfiable' };

const ALL: WantedBytes = { kind: 'all' };

/**
 * Reads a `Range` header (RFC 9110, section 14): `bytes=a-b`, `bytes=a-` or `bytes=-n`. As in S3, what is not of this form, and several
 * ranges at once, are as if they were not there; an end behind the object's is its end.
 */
export function readRange(header: string | undefined, sizeBytes: number): WantedBytes {
  const parts = header === undefined ? null : /^bytes=(\d*)-(\d*)$/i.exec(header.trim());
  if (parts === null) return ALL;
  const [, first = '', last = ''] = parts;
  if (first === '' && last === '') return ALL;
  if (first === '') {
    const length = Math.min(wholeNumber(last), sizeBytes);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', offset: sizeBytes - length, length };
  }
  const offset = wholeNumber(first);
  const end = last === '' ? sizeBytes - 1 : wholeNumber(last);
  if (end < offset && last !== '') return ALL;
  if (offset >= sizeBytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', offset, length: Math.min(end, sizeBytes - 1) - offset + 1 };
}

/** Digits of any number: more than a number can hold is as good as the greatest. */
function wholeNumber(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}
