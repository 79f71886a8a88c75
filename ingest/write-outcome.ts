import type { ErrorKind } from '../storage/runtime/errors.ts';
import type { Rejections } from './rejections.ts';

/** What became of a write request whose body could be decoded. */
export interface WriteOutcome {
  readonly storedSamples: number;
  readonly metadataIgnored: number;
  readonly rejections: Rejections;
}

/**
 * The one mapping from what happened to a status, chosen by what the sender does with it (remote_write_spec.md): after 4xx it drops the
 * data and goes on, after 5xx it tries the same again for ever, after 429 it does either, by its configuration.
 */
export const WRITE_STATUS: Readonly<Record<ErrorKind, number>> = {
  'bad-data': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'not-supported': 415,
  'too-large': 413,
  limit: 429,
  overloaded: 503,
  execution: 400,
  timeout: 503,
  canceled: 503,
  unavailable: 503,
};

/** Asks a sender that was refused for load or a limit to wait this long, where nothing better is known. */
export const RETRY_AFTER_SECONDS = 5;

/** 204 when all is stored; otherwise the reasons as plain text: the protocol has no envelope. */
export function writeResponse(outcome: WriteOutcome): Response {
  if (outcome.rejections.isEmpty) return new Response(null, { status: 204 });
  return writeError(outcome.rejections.kind, outcome.rejections.message(outcome.storedSamples));
}

export function writeError(kind: ErrorKind, message: string, retryAfterSeconds = RETRY_AFTER_SECONDS): Response {
  const status = WRITE_STATUS[kind];
  const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' };
  if (status === 429 || status === 503) headers['retry-after'] = String(retryAfterSeconds);
  return new Response(`${message}\n`, { status, headers });
}
