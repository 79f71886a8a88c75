import { VarveError } from '../../storage/runtime/errors.ts';
import { errorAnswer, type ErrorAnswer } from '../error-answers.ts';

/** An error that Iceberg clients know by its type, in the names of the REST specification. */
export class IcebergError extends VarveError implements ErrorAnswer {
  readonly code: string;
  readonly status: number;
  readonly headers = {};

  constructor(code: string, status: number, message: string) {
    super(status === 404 ? 'not-found' : status === 406 ? 'not-supported' : 'bad-data', message);
    this.code = code;
    this.status = status;
  }
}

const READ_ONLY =
  'this catalog is read-only: Varve writes its tables itself, and what another writer committed would not be seen by queries; write samples through remote write, OTLP or /api/v1/import/prometheus';

/** What a method or path of the specification that changes something gets. */
export function readOnlyCatalog(): IcebergError {
  return new IcebergError('UnsupportedOperationException', 406, READ_ONLY);
}

/** An error in the form of the specification. */
export function icebergFailure(error: unknown, requestId: string | undefined): Response {
  const { status, code, message, headers } = error instanceof IcebergError ? error : errorAnswer(error, 'iceberg', requestId);
  return Response.json({ error: { message, type: code, code: status } }, { status, headers });
}
