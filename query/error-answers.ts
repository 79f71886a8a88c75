import { cancellation } from '../promql/budget.ts';
import { VarveError, type ErrorKind } from '../storage/runtime/errors.ts';

/** In whose words an error is told: those of Prometheus' HTTP API, of Iceberg's REST catalog, or of S3. */
export type ErrorForm = 'prometheus' | 'iceberg' | 's3';

type Answer = readonly [status: number, code: string];

/**
 * The one mapping from what went wrong to the statuses and codes of those who read (Prometheus' `web/api/v1`, Iceberg's REST specification,
 * S3's error codes). 503 and 429 invite a retry, 4xx do not; clients of S3 retry 5xx, and nothing else. An unavailable part is 503 and not
 * Prometheus' 500: it is worth trying again.
 */
const ANSWERS: Readonly<Record<ErrorKind, Readonly<Record<ErrorForm, Answer>>>> = {
  'bad-data': { prometheus: [400, 'bad_data'], iceberg: [400, 'BadRequestException'], s3: [400, 'InvalidRequest'] },
  unauthenticated: { prometheus: [401, 'unauthorized'], iceberg: [401, 'NotAuthorizedException'], s3: [403, 'AccessDenied'] },
  forbidden: { prometheus: [403, 'forbidden'], iceberg: [403, 'ForbiddenException'], s3: [403, 'AccessDenied'] },
  'not-found': { prometheus: [404, 'not_found'], iceberg: [404, 'NotFoundException'], s3: [404, 'NoSuchKey'] },
  'not-supported': { prometheus: [415, 'bad_data'], iceberg: [406, 'UnsupportedOperationException'], s3: [501, 'NotImplemented'] },
  'too-large': { prometheus: [413, 'bad_data'], iceberg: [413, 'BadRequestException'], s3: [400, 'EntityTooLarge'] },
  limit: { prometheus: [422, 'execution'], iceberg: [400, 'BadRequestException'], s3: [400, 'InvalidRequest'] },
  cardinality: { prometheus: [422, 'execution'], iceberg: [400, 'BadRequestException'], s3: [400, 'InvalidRequest'] },
  overloaded: { prometheus: [503, 'unavailable'], iceberg: [503, 'SlowDownException'], s3: [503, 'SlowDown'] },
  execution: { prometheus: [422, 'execution'], iceberg: [400, 'BadRequestException'], s3: [400, 'InvalidRequest'] },
  timeout: { prometheus: [503, 'timeout'], iceberg: [503, 'SlowDownException'], s3: [503, 'ServiceUnavailable'] },
  canceled: { prometheus: [499, 'canceled'], iceberg: [503, 'SlowDownException'], s3: [503, 'ServiceUnavailable'] },
  unavailable: { prometheus: [503, 'unavailable'], iceberg: [503, 'SlowDownException'], s3: [503, 'ServiceUnavailable'] },
  damaged: { prometheus: [503, 'unavailable'], iceberg: [503, 'SlowDownException'], s3: [503, 'ServiceUnavailable'] },
};

const INTERNAL: Readonly<Record<ErrorForm, string>> = { prometheus: 'internal', iceberg: 'InternalServerError', s3: 'InternalError' };

export interface ErrorAnswer {
  readonly status: number;
  /** What clients know the error by. */
  readonly code: string;
  readonly message: string;
  /** For the answer, beside those of its body. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How an error is told. What is not a VarveError is our own fault: it is logged, and the client learns no more than the id to look for. */
export function errorAnswer(error: unknown, form: ErrorForm, requestId: string | undefined): ErrorAnswer {
  if (error instanceof VarveError) {
    const [status, code] = ANSWERS[error.kind][form];
    return { status, code, message: error.message, headers: error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) } };
  }
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) return errorAnswer(cancellation(error), form, requestId);
  const about = requestId === undefined ? '' : ` (request ${requestId})`;
  console.error(`internal error${about}:`, error);
  return { status: 500, code: INTERNAL[form], message: `internal error${about}`, headers: {} };
}
