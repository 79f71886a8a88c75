import { Hono, type Context } from 'hono';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import type { RemoteWriteIngest } from './from-remote-write.ts';
import { readBody } from './read-body.ts';
import { writeError, writeResponse, type WriteOutcome } from './write-outcome.ts';

export interface WriteServices {
  /** The shards that an authorised request writes to. */
  readonly openTenant: (context: Context) => Promise<TenantShards>;
  readonly remoteWrite: RemoteWriteIngest;
  readonly counters: Counters;
}

/** The doors in, to be mounted at `/api/v1`. */
export function writeRoutes(services: WriteServices): Hono {
  const routes = new Hono();
  routes.post('/write', async (context) => {
    try {
      return await remoteWrite(services, context);
    } catch (error) {
      if (error instanceof VarveError) return writeError(error.kind, error.message);
      console.error(error);
      return writeError('unavailable', 'internal error');
    }
  });
  return routes;
}

async function remoteWrite(services: WriteServices, context: Context): Promise<Response> {
  const request = context.req.raw;
  checkRemoteWriteHeaders(request.headers);
  const body = await readBody(request, LIMITS.writeBodyBytesMax, 'writeBodyBytesMax');
  const outcome = await services.remoteWrite.write(await services.openTenant(context), body);
  count(services.counters, outcome);
  return writeResponse(outcome);
}

/** The headers alone decide what the body is (remote_write_spec_2_0.md, "Protocol"); 1.0 is what a bare or absent content type means. */
function checkRemoteWriteHeaders(headers: Headers): void {
  const contentType = headers.get('content-type') ?? '';
  const [mediaType, ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  if (mediaType !== '' && mediaType !== 'application/x-protobuf') {
    throw new VarveError('not-supported', `content type ${mediaType} is not supported here; send application/x-protobuf`);
  }
  const proto = parameters.find((parameter) => parameter.startsWith('proto='))?.slice('proto='.length);
  if (proto !== undefined && proto !== 'prometheus.writerequest') {
    throw new VarveError('not-supported', `protobuf message ${proto} is not supported yet; send prometheus.WriteRequest`);
  }
  const encoding = (headers.get('content-encoding') ?? 'snappy').trim().toLowerCase();
  if (encoding !== 'snappy') throw new VarveError('not-supported', `content encoding ${encoding} is not supported here; send snappy (block format)`);
}

function count(counters: Counters, outcome: WriteOutcome): void {
  const protocol = 'remote-write-v1';
  if (outcome.storedSamples > 0) counters.add('varve_ingest_samples_total', { protocol }, outcome.storedSamples);
  if (outcome.metadataIgnored > 0) counters.add('varve_ingest_metadata_ignored_total', {}, outcome.metadataIgnored);
  if (!outcome.rejections.isEmpty) {
    counters.add('varve_ingest_rejected_samples_total', { protocol, kind: outcome.rejections.kind }, outcome.rejections.samples);
  }
}
