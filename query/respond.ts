import { VarveError, type ErrorKind } from '../storage/runtime/errors.ts';

/** Annotations shown at most, of each kind; the rest is counted in one more line, as Prometheus does. */
const ANNOTATIONS_MAX = 10;

/**
 * The one mapping from what went wrong to the query API's error types and status codes (Prometheus' `web/api/v1`). 503 and 429 invite a
 * retry, 4xx do not. An unavailable part is 503 and not Prometheus' 500: it is worth trying again.
 */
const QUERY_ERRORS: Readonly<Record<ErrorKind, { readonly errorType: string; readonly status: number }>> = {
  'bad-data': { errorType: 'bad_data', status: 400 },
  'not-found': { errorType: 'not_found', status: 404 },
  'not-supported': { errorType: 'bad_data', status: 415 },
  'too-large': { errorType: 'bad_data', status: 413 },
  limit: { errorType: 'execution', status: 422 },
  overloaded: { errorType: 'unavailable', status: 503 },
  execution: { errorType: 'execution', status: 422 },
  timeout: { errorType: 'timeout', status: 503 },
  canceled: { errorType: 'canceled', status: 499 },
  unavailable: { errorType: 'unavailable', status: 503 },
};

export interface Notes {
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

const JSON_HEADERS = { 'content-type': 'application/json' };

/** The success envelope around `data`, which is JSON already. */
export function* successText(data: Iterable<string>, notes: Notes): Generator<string> {
  yield '{"status":"success","data":';
  yield* data;
  yield* noteText('warnings', 'warning', notes.warnings);
  yield* noteText('infos', 'info', notes.infos);
  yield '}';
}

function* noteText(field: string, noun: string, notes: readonly string[] | undefined): Generator<string> {
  if (notes === undefined || notes.length === 0) return;
  const shown = notes.slice(0, ANNOTATIONS_MAX);
  const more = notes.length - shown.length;
  if (more > 0) shown.push(`${more} more ${noun} annotations omitted`);
  yield `,"${field}":${JSON.stringify(shown)}`;
}

export function success(data: unknown, notes: Notes = {}): Response {
  return new Response([...successText([JSON.stringify(data)], notes)].join(''), { headers: JSON_HEADERS });
}

/** Chunks sent at a time: large answers leave as they are written instead of standing in memory twice. */
const CHUNK_CHARACTERS = 64 * 1024;

export function streamed(parts: Generator<string>): Response {
  const first = nextChunk(parts);
  if (first.done) return new Response(first.text, { headers: JSON_HEADERS });
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(first.text)),
    pull: (controller) => {
      const chunk = nextChunk(parts);
      if (chunk.text !== '') controller.enqueue(encoder.encode(chunk.text));
      if (chunk.done) controller.close();
    },
    cancel: () => void parts.return(undefined),
  });
  return new Response(body, { headers: JSON_HEADERS });
}

function nextChunk(parts: Generator<string>): { text: string; done: boolean } {
  let text = '';
  while (text.length < CHUNK_CHARACTERS) {
    const part = parts.next();
    if (part.done === true) return { text, done: true };
    text += part.value;
  }
  return { text, done: false };
}

/** The error envelope. What is not a VarveError is our own fault: it is logged, and the client learns no more than that. */
export function failure(error: unknown): Response {
  if (error instanceof VarveError) return errorEnvelope(QUERY_ERRORS[error.kind].errorType, QUERY_ERRORS[error.kind].status, error.message);
  if (error instanceof Error && error.name === 'TimeoutError') return failure(new VarveError('timeout', 'query timed out in expression evaluation'));
  if (error instanceof Error && error.name === 'AbortError') return failure(new VarveError('canceled', 'query was canceled in expression evaluation'));
  console.error(error);
  return errorEnvelope('internal', 500, 'internal error');
}

function errorEnvelope(errorType: string, status: number, message: string): Response {
  return new Response(JSON.stringify({ status: 'error', errorType, error: message }), { status, headers: JSON_HEADERS });
}
