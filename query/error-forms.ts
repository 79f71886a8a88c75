import { icebergFailure } from './iceberg/iceberg-error.ts';
import { failure } from './respond.ts';
import { S3_MOUNT } from './s3/object-path.ts';
import { s3Failure } from './s3/s3-error.ts';

/** How an error is said to whoever reads answers under a path. */
export function errorFormOf(path: string): (error: unknown, requestId: string | undefined) => Response {
  if (path.startsWith('/iceberg/')) return icebergFailure;
  if (path === S3_MOUNT || path.startsWith(`${S3_MOUNT}/`)) return s3Failure;
  return failure;
}
