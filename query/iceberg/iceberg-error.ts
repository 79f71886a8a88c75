import { VarveError, type ErrorKind } from '../../storage/runtime/errors.ts';

/** An error that Iceberg clients know by its type, in the names of the REST specification. */
export class IcebergError extends VarveError {
  readonly type: string;
  readonly status: number;

  constructor(type: string, status: number, message: string) {
    super(status === 404 ? 'not-found' : status === 406 ? 'not-supported' : 'bad-data', message);
    this.type = type;
    this.status = status;
  }
}

const READ_ONLY =
  'this catalog is read-only: Varve writes its tables itself, and what another writer committed would not be seen by queries; write samples through remote write, OTLP or /api/v1/import/prometheus';

/** What a method or path of the specification that changes something gets. */
export function readOnlyCatalog(): IcebergError {
  return new IcebergError('UnsupportedOperationException', 406, READ_ONLY);
}

/** The one mapping of other errors to types and statuses of the specification. */
const ICEBERG_ERRORS: Readonly<Record<ErrorKind, { readonly type: string; readonly status: number }>> = {
  'bad-data': { type: 'BadRequestException', status: 400 },
  unauthenticated: { type: 'NotAuthorizedException', status: 401 },
  forbidden: { type: 'ForbiddenException', status: 403 },
  'not-found': { type: 'NotFoundException', status: 404 },
  'not-supported': { type: 'UnsupportedOperationException', status: 406 },
  'too-large': { type: 'BadRequestException', status: 413 },
  limit: { type: 'BadRequestException', status: 400 },
  overloaded: { type: 'SlowDownException', status: 503 },
  execution: { type: 'BadRequestException', status: 400 },
  timeout: { type: 'SlowDownException', status: 503 },
  canceled: { type: 'SlowDownException', status: 503 },
  unavailable: { type: 'SlowDownException', status: 503 },
};

/** An error in the form of the specification. What is not a VarveError is our own fault: it is logged, and the client learns no more than the id to look for. */
export function icebergFailure(error: unknown, requestId: string | undefined): Response {
  const { type, status, message } = describe(error, requestId);
  return Response.json({ error: { message, type, code: status } }, { status });
}

function describe(error: unknown, requestId: string | undefined): { readonly type: string; readonly status: number; readonly message: string } {
  if (error instanceof IcebergError) return error;
  if (error instanceof VarveError) return { ...ICEBERG_ERRORS[error.kind], message: error.message };
  console.error(`internal error (request ${requestId}):`, error);
  return { type: 'InternalServerError', status: 500, message: `internal error (request ${requestId})` };
}
