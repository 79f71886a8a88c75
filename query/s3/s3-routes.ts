import { Hono, type Context } from 'hono';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import { LruCache } from '../../storage/runtime/lru-cache.ts';
import type { ObjectInfo, ObjectReader } from '../../storage/object-reader.ts';
import { requestIdOf } from '../request-id.ts';
import { accessOf } from '../tenant.ts';
import { getObject, noSuchKey } from './get-object.ts';
import { listObjects, listingXml, readListRequest } from './list-objects.ts';
import { readObjectPath, wirePathOf } from './object-path.ts';
import { S3Error, s3Failure } from './s3-error.ts';
import { S3_NAMESPACE, xmlDocument } from './xml.ts';

export interface S3Services {
  readonly reader: ObjectReader;
  /** Name of the bucket in URLs. */
  readonly bucket: string;
  /** What stands before the store's keys in URLs; mostly nothing. */
  readonly keysBegin: string;
  readonly counters: Counters;
}

const XML = { 'content-type': 'application/xml' } as const;
/** Parameters that make another operation of a request than the ones that are served here. */
const OTHER_OPERATIONS = new Set([
  'accelerate', 'acl', 'analytics', 'attributes', 'cors', 'encryption', 'inventory', 'legal-hold', 'lifecycle', 'logging', 'metrics', 'notification', 'object-lock', 'ownershipControls', 'partNumber', 'policy',
  'policyStatus', 'publicAccessBlock', 'replication', 'requestPayment', 'retention', 'tagging', 'torrent', 'uploadId', 'uploads', 'versionId', 'versioning', 'versions', 'website',
]);

/** R2's one region. */
const REGION = 'auto';

/**
 * The bucket of the archive for S3 clients, to be mounted at S3_MOUNT: GetObject and HeadObject with ranges and conditions, ListObjectsV2,
 * GetBucketLocation, HeadBucket and ListBuckets. Nothing can be written. Everybody sees the archive of his key's tenant and nothing else.
 */
export function s3Routes({ reader: store, bucket, keysBegin, counters }: S3Services): Hono {
  const reader = sayingUnavailable(store);
  const known = new LruCache<string, ObjectInfo>(LIMITS.objectInfoCacheEntriesMax);
  const serve = async (context: Context): Promise<Response> => {
    const request = context.req.raw;
    try {
      const parameters = new URL(request.url).searchParams;
      const other = [...parameters.keys()].find((name) => OTHER_OPERATIONS.has(name));
      if (other !== undefined) throw new S3Error('NotImplemented', 501, `there is nothing here for the parameter ${other}: objects are read and listed`);
      const path = readObjectPath(wirePathOf(request.url), bucket);
      const visible = visiblePrefix(context);
      if (path.kind === 'object') {
        if (!path.key.startsWith(keysBegin)) throw noSuchKey();
        const answer = await getObject(reader, known, request, visible, path.key.slice(keysBegin.length));
        if (answer.body !== null) counters.add('varve_object_bytes_total', {}, Number(answer.headers.get('content-length')));
        return answer;
      }
      if (request.method === 'HEAD') return new Response(null, { headers: { 'x-amz-bucket-region': REGION } });
      if (parameters.has('location')) return new Response(xmlDocument({ LocationConstraint: REGION }, S3_NAMESPACE), { headers: XML });
      // Clients that take the first segment of a path for the bucket list the mount: their keys begin with the bucket's name.
      if (path.kind === 'bucket' || parameters.has('list-type')) {
        const wanted = readListRequest(parameters, (path.kind === 'bucket' ? '' : `${bucket}/`) + keysBegin);
        return new Response(listingXml(bucket, wanted, await listObjects(reader, visible, wanted)), { headers: XML });
      }
      const buckets = { ListAllMyBucketsResult: { Owner: { ID: 'varve' }, Buckets: { Bucket: { Name: bucket, CreationDate: new Date(0).toISOString() } } } };
      return new Response(xmlDocument(buckets, S3_NAMESPACE), { headers: XML });
    } catch (error) {
      return s3Failure(error, requestIdOf(context));
    }
  };
  return new Hono().get('/', serve).get('/*', serve);
}

/** A reader whose every failure is worth trying again, and tells strangers nothing. */
function sayingUnavailable(store: ObjectReader): ObjectReader {
  const tried = async <T>(body: Promise<T>): Promise<T> => {
    try {
      return await body;
    } catch (error) {
      console.error('object store:', error);
      throw new VarveError('unavailable', 'the object store cannot be reached; try again later', { cause: error });
    }
  };
  return { head: (key) => tried(store.head(key)), open: (key, range) => tried(store.open(key, range)), list: (request) => tried(store.list(request)) };
}

/** What begins the keys that a request may see: its tenant's archive, or nothing for a key of all tenants that names none. */
function visiblePrefix(context: Context): string {
  const { tenant, isTenantNamed } = accessOf(context);
  return isTenantNamed ? `${tenant}/archive/` : '';
}
