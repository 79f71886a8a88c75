import { Hono, type Context } from 'hono';
import { systemClock } from '../storage/runtime/clock.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { SHARD_RPC_VERSION, type LabelsShardRequest, type SegmentSummary } from '../storage/shard/shard-api.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { answer } from './answer.ts';
import { archivableBeforeMs, mayBeArchived } from './archived-labels.ts';
import { cardinalityJson, tenantCardinality } from './cardinality.ts';
import { aboutParameter, countParameter, invalidParameter, selectorParameters, timeParameter, TIME_MS_MAX } from './parameters.ts';
import { success } from './respond.ts';
import { openTenant, type TenantServices } from './tenant.ts';

const DEFAULT_STATISTICS = 10;
const CHANGE = ['POST', 'PUT'];

/** The hot tier as Prometheus speaks of its TSDB, to be mounted at `/api/v1`: what it holds, and the admin API that changes it. */
export function tsdbRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/status/tsdb', (context) =>
    answer(context, async (parameters) => {
      const wrong = (): string => 'limit must be a positive number';
      const limit = countParameter(parameters, 'limit', DEFAULT_STATISTICS, wrong);
      if (limit === 0) throw badData(wrong());
      if (limit > LIMITS.cardinalityEntriesMax) throw invalidParameter('limit', `${limit} is above the limit cardinalityEntriesMax of ${LIMITS.cardinalityEntriesMax}`);
      return success(cardinalityJson(await tenantCardinality(await openTenant(services, context)), limit));
    }),
  );
  routes.get('/status/tsdb/blocks', (context) => answer(context, async () => success({ blocks: await blocks(await openTenant(services, context)) })));
  routes.on(CHANGE, '/admin/tsdb/delete_series', (context) => answer(context, (parameters) => deleteSeries(services, context, parameters)));
  // Deleted samples are gone from the segments when the deletion has been answered: nothing is left to clean.
  routes.on(CHANGE, '/admin/tsdb/clean_tombstones', (context) => answer(context, () => new Response(null, { status: 204 })));
  routes.on(CHANGE, '/admin/tsdb/snapshot', (context) => answer(context, async () => success({ name: await snapshot(await openTenant(services, context)) })));
  return routes;
}

/** Every live segment row as a block: it is what is written and merged as one. Its id says shard, seal and row. */
async function blocks(shards: TenantShards): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let shard = 0; shard < shards.shardCount; shard++) {
    const rows = await shards.call(shard, (stub) => stub.segmentSummaries());
    for (const row of rows) all.push(blockJson(shard, row));
  }
  return all;
}

function blockJson(shard: number, { segment, seal, minTimeMs, maxTimeMs, sampleCount, bytes }: SegmentSummary): unknown {
  return {
    ulid: `shard-${shard}-seal-${seal}-segment-${segment}`,
    minTime: minTimeMs,
    // Prometheus' blocks end before this time.
    maxTime: maxTimeMs + 1,
    stats: { numSamples: sampleCount, numBytes: bytes },
    compaction: { level: 1, sources: [] },
    version: 1,
  };
}

/**
 * Deletes on all shards, step by step until each has looked at everything. What is answered with 204 is durable. An error in between leaves
 * some of it deleted: asking again goes on.
 */
async function deleteSeries(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  if (parameters.getAll('match[]').length === 0) throw badData('no match[] parameter provided');
  const startMs = timeParameter(parameters, 'start', -TIME_MS_MAX);
  const endMs = timeParameter(parameters, 'end', TIME_MS_MAX);
  if (endMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start time');
  const selectors = aboutParameter('match[]', () => selectorParameters(parameters));
  const request = { version: SHARD_RPC_VERSION, selectors, startMs, endMs, limit: 0 };
  const shards = await openTenant(services, context);
  if (shards.archive !== undefined && mayBeArchived(startMs, systemClock)) {
    // What is in files would stay, and come back in answers.
    throw new VarveError('execution', `delete_series: samples of more than a day ago are in the archive, where they cannot be deleted; give a start after ${new Date(archivableBeforeMs(systemClock)).toISOString()}`);
  }
  await Promise.all(Array.from({ length: shards.shardCount }, (_, shard) => deleteOnShard(shards, shard, request)));
  return new Response(null, { status: 204 });
}

async function deleteOnShard(shards: TenantShards, shard: number, request: LabelsShardRequest): Promise<void> {
  // Each step rewrites rows until there are none: a step that finds nothing is the last.
  while ((await shards.call(shard, (stub) => stub.deleteSeries(request))).more);
}

/** A snapshot of each shard, one after the other; the name lists their ids in the order of shards. `skip_head` changes nothing: the log is sealed. */
async function snapshot(shards: TenantShards): Promise<string> {
  const ids: string[] = [];
  for (let shard = 0; shard < shards.shardCount; shard++) ids.push(await shards.call(shard, (stub) => stub.createSnapshot()));
  return ids.join(',');
}
