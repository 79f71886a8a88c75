/**
 * Bytes that are not what they claim to be. The message says where, what was found and what was wanted.
 *
 * It has no stack: a request may bring a million series that cannot be decoded, each of which is refused by such an error, and collecting the
 * frames takes four fifths of the time of throwing and catching one.
 */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';

  constructor(message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
