import { VarveError, type ErrorKind } from '../../storage/runtime/errors.ts';
import { xmlDocument } from './xml.ts';

/** An error that S3 clients know by its code. */
export class S3Error extends VarveError {
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(status === 403 ? 'forbidden' : status === 404 ? 'not-found' : 'bad-data', message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** The one mapping of other errors to codes and statuses of S3. Its clients retry 5xx, and nothing else. */
const S3_ERRORS: Readonly<Record<ErrorKind, { readonly code: string; readonly status: number }>> = {
  'bad-data': { code: 'InvalidRequest', status: 400 },
  unauthenticated: { code: 'AccessDenied', status: 403 },
  forbidden: { code: 'AccessDenied', status: 403 },
  'not-found': { code: 'NoSuchKey', status: 404 },
  'not-supported': { code: 'NotImplemented', status: 501 },
  'too-large': { code: 'EntityTooLarge', status: 400 },
  limit: { code: 'InvalidRequest', status: 400 },
  overloaded: { code: 'SlowDown', status: 503 },
  execution: { code: 'InvalidRequest', status: 400 },
  timeout: { code: 'ServiceUnavailable', status: 503 },
  canceled: { code: 'ServiceUnavailable', status: 503 },
  unavailable: { code: 'ServiceUnavailable', status: 503 },
};

/** An error in S3's form. What is not a VarveError is our own fault: it is logged, and the client learns no more than the id to look for. */
export function s3Failure(error: unknown, requestId: string | undefined): Response {
  const { code, status, message } = describe(error, requestId);
  const body = xmlDocument({ Error: { Code: code, Message: message, RequestId: requestId ?? '' } });
  return new Response(body, { status, headers: { 'content-type': 'application/xml', ...(error instanceof S3Error ? error.headers : {}) } });
}

function describe(error: unknown, requestId: string | undefined): { readonly code: string; readonly status: number; readonly message: string } {
  if (error instanceof S3Error) return error;
  if (error instanceof VarveError) return { ...S3_ERRORS[error.kind], message: error.message };
  console.error(`internal error (request ${requestId}):`, error);
  return { code: 'InternalError', status: 500, message: 'internal error' };
}
