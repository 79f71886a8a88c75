import { VarveError } from '../../storage/runtime/errors.ts';
import { errorAnswer, type ErrorAnswer } from '../error-answers.ts';
import { xmlDocument } from './xml.ts';

/** An error that S3 clients know by its code. */
export class S3Error extends VarveError implements ErrorAnswer {
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

/** An error in S3's form. */
export function s3Failure(error: unknown, requestId: string | undefined): Response {
  const { status, code, message, headers } = error instanceof S3Error ? error : errorAnswer(error, 's3', requestId);
  const body = xmlDocument({ Error: { Code: code, Message: message, RequestId: requestId ?? '' } });
  return new Response(body, { status, headers: { 'content-type': 'application/xml', ...headers } });
}
