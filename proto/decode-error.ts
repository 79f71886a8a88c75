/** Bytes that are not what they claim to be. The message says where, what was found and what was wanted. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}
