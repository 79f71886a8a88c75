/**
 * Errors that are not ours: a client's input, a limit, a part of the system that is away. `kind` alone decides the HTTP answer, in one
 * place for those who read (`query/error-answers.ts`) and one for those who write (`ingest/write-outcome.ts`); the message says what, why,
 * the limit's name and value, and whether to retry.
 */
export type ErrorKind =
  | 'bad-data' // the request is wrong; sending it again is useless
  | 'unauthenticated' // no key, or not a valid one
  | 'forbidden' // a valid key that may not do this
  | 'not-found'
  | 'not-supported' // media type, encoding, method
  | 'too-large' // the request is over a size limit
  | 'limit' // a tenant's or a query's limit; the message names it
  | 'cardinality' // a tenant has as many series as it may: those go on, and sending the others again does not help
  | 'overloaded' // try again later
  | 'execution' // a query that cannot be answered
  | 'timeout'
  | 'canceled'
  | 'unavailable' // storage away; try again
  | 'damaged'; // stored data cannot be read: nothing is lost by trying again, and nothing won before an operator has looked

export class VarveError extends Error {
  override readonly name = 'VarveError';
  readonly kind: ErrorKind;
  /** Where it is known how long to wait before trying again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: ErrorKind, message: string, { retryAfterSeconds, ...options }: ErrorOptions & { readonly retryAfterSeconds?: number } = {}) {
    super(message, options);
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** For what a client has got wrong: not to be sent again as it is. */
export function badData(message: string): VarveError {
  return new VarveError('bad-data', message);
}

/** A part of the data is away; everything else is a mistake of the caller or of ours, which no partial answer hides. */
export function isMissingPart(error: unknown): error is VarveError {
  return error instanceof VarveError && (error.kind === 'unavailable' || error.kind === 'overloaded' || error.kind === 'damaged');
}

/** What went wrong, of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
