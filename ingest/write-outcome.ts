import { VarveError, type ErrorKind } from '../storage/runtime/errors.ts';
import type { Rejections } from './rejections.ts';
import type { WriteCounts } from './write-counts.ts';

/** What became of a write request whose body could be decoded. */
export interface WriteOutcome {
  /** What was there already counts, too: sending again is answered as success. */
  readonly stored: WriteCounts;
  /** What the sender is told that is written: more than is stored where an elected replica sends the same. */
  readonly written: WriteCounts;
  readonly rejections: Rejections;
  /** Why the rest may or may not be stored: the sender has to send all of it again. */
  readonly failure: VarveError | undefined;
}

/**
 * The one mapping from what happened to a status, chosen by what the sender does with it (remote_write_spec.md): after 4xx it drops the
 * data and goes on, after 5xx it tries the same again for ever, after 429 it does either, by its configuration. vmagent goes on after 400 and 409
 * alone, and repeats all else. What is too large gets 413 all the same, as from Prometheus' own receiver, and since Telegraf sends it again in halves: vmagent
 * comes to that only where `-remoteWrite.maxBlockSize`, 8 MB, was set above writeUncompressedBytesMax, and then gets no further.
 */
export const WRITE_STATUS: Readonly<Record<ErrorKind, number>> = {
  'bad-data': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'not-supported': 415,
  'too-large': 413,
  limit: 429,
  // No 429: a sender that repeats such a request until it passes, as vmagent does, would send nothing else any more, known series neither.
  cardinality: 400,
  overloaded: 503,
  execution: 400,
  timeout: 503,
  canceled: 503,
  unavailable: 503,
  damaged: 503,
};

/** Asks a sender that was refused for load or a limit to wait this long, where nothing better is known. */
const RETRY_AFTER_SECONDS = 5;

/** Headers beside those that an answer has anyway. */
export type MoreHeaders = Readonly<Record<string, string>>;

const NO_HEADERS: MoreHeaders = {};
const NO_CONTENT: ResponseInit = { status: 204 };

/** 204 when all is stored; otherwise the reasons as plain text: the protocol has no envelope. */
export function writeResponse({ stored, rejections, failure }: Omit<WriteOutcome, 'written'>, more?: MoreHeaders): Response {
  if (failure !== undefined) return writeError(failure, more);
  if (rejections.isEmpty) return new Response(null, more === undefined ? NO_CONTENT : { status: 204, headers: more });
  return writeError(new VarveError(rejections.kind, rejections.message(stored)), more);
}

export function writeError(error: VarveError, more = NO_HEADERS): Response {
  const headers = { ...more, ...retryHeaders(error), 'content-type': 'text/plain; charset=utf-8' };
  return new Response(`${error.message}\n`, { status: WRITE_STATUS[error.kind], headers });
}

/** When to come again, where a sender may. */
export function retryHeaders({ kind, retryAfterSeconds = RETRY_AFTER_SECONDS }: VarveError): MoreHeaders {
  const status = WRITE_STATUS[kind];
  return status === 429 || status === 503 ? { 'retry-after': String(retryAfterSeconds) } : NO_HEADERS;
}

/** What was thrown at a door as its sender hears of it: what is our own fault is logged, and worth trying again. */
export function doorError(error: unknown, requestId: string | undefined): VarveError {
  if (error instanceof VarveError) return error;
  const text = requestId === undefined ? 'internal error' : `internal error (request ${requestId})`;
  console.error(`${text}:`, error);
  return new VarveError('unavailable', text);
}
