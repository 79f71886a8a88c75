import { Hono, type Context } from 'hono';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { everyShard } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { SHARD_RPC_VERSION, type DeleteShardAnswer, type LabelsShardRequest, type SegmentSummary } from '../../storage/shard/shard-api.ts';
import { answer } from '../answer.ts';
import { aboutParameter, countParameter, invalidParameter, selectorParameters, timeParameter } from '../parameters.ts';
import { success, successOf } from '../respond.ts';
import { mayBeArchived } from '../source/archived-labels.ts';
import { MissingParts } from '../source/missing-parts.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { TIME_MS_MAX } from '../time-text.ts';
import { cardinalityJson, tenantCardinality } from './cardinality.ts';
import { forgetSnapshot, snapshotsOf, takeSnapshot } from './snapshots.ts';

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
      return report(services, context, async (shards, missing) => cardinalityJson(await tenantCardinality(shards, missing), limit));
    }),
  );
  routes.get('/status/tsdb/blocks', (context) => answer(context, () => report(services, context, async (shards, missing) => ({ blocks: await blocks(shards, missing) }))));
  routes.on(CHANGE, '/admin/tsdb/delete_series', (context) => answer(context, (parameters) => deleteSeries(services, context, parameters)));
  // What is deleted is gone from the shards at once; in the archive's files it goes by and by.
  routes.on(CHANGE, '/admin/tsdb/clean_tombstones', (context) => answer(context, async () => cleanTombstones(await openTenant(services, context))));
  const path = '/admin/tsdb/snapshot';
  routes.on(CHANGE, path, (context) => answer(context, async () => success({ name: await takeSnapshot(await openTenant(services, context)) })));
  routes.get(path, (context) => answer(context, () => report(services, context, async (shards, missing) => ({ shards: await snapshotsOf(shards, missing) }))));
  routes.delete(path, (context) => answer(context, async (parameters) => {
    await forgetSnapshot(await openTenant(services, context), parameters.get('name') ?? '');
    return new Response(null, { status: 204 });
  }));
  return routes;
}

/** Of the shards that answer; warnings name the others. */
async function report(services: TenantServices, context: Context, body: (shards: TenantShards, missing: MissingParts) => Promise<unknown>): Promise<Response> {
  const missing = new MissingParts();
  const data = await body(await openTenant(services, context), missing);
  return successOf(JSON.stringify(data), missing);
}

/** Every live segment row as a block: it is what is written and merged as one. Its id says shard, seal and row. */
async function blocks(shards: TenantShards, missing: MissingParts): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { shard, answer } of missing.ofShards(shards, (stub) => stub.segmentSummaries())) all.push(...answer.map((row) => blockJson(shard, row)));
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
  // Also on those whose samples are all in files, and on those to come: what the archive deletes is behind a flush of each, and old samples may wait for it there.
  const answers = await Promise.all(everyShard(shards).map((shard) => deleteOnShard(shards, shard, request)));
  // Behind the shards: files of flushes that have begun by now may have what was deleted, those of later ones have not.
  if (shards.archive !== undefined && mayBeArchived(startMs, services.clock)) await deleteInArchive(shards, shards.archive.shardNames, request, answers);
  return new Response(null, { status: 204 });
}

async function deleteOnShard(shards: TenantShards, shard: number, request: LabelsShardRequest): Promise<DeleteShardAnswer> {
  // Each step rewrites rows until there are none: a step that finds nothing is the last.
  for (;;) {
    const answer = await shards.call(shard, (stub) => stub.deleteSeries(request));
    if (answer.status === 'refused') throw refusedDeletion(answer.message);
    if (!answer.more) return answer;
  }
}

async function deleteInArchive(shards: TenantShards, shardNames: readonly string[], { selectors, startMs, endMs }: LabelsShardRequest, answers: readonly DeleteShardAnswer[]): Promise<void> {
  if (answers.some(({ isLateWaiting }) => isLateWaiting)) {
    throw new VarveError('unavailable', 'delete_series: samples of this time have just been accepted and wait for the archive, where they can be deleted; ask again in some minutes');
  }
  const flushes = Object.fromEntries(shardNames.map((name, shard) => [name, answers[shard]!.flushesBegun]));
  const answer = await shards.catalog((stub) => stub.archiveDelete({ version: CATALOG_RPC_VERSION, selectors, startMs, endMs, flushes }));
  if (answer.status === 'refused') throw refusedDeletion(answer.message);
}

function refusedDeletion(message: string): VarveError {
  return new VarveError('limit', `delete_series: ${message}`);
}

/** Shards keep no tombstones; the archive's files are written anew, a piece a call. */
async function cleanTombstones(shards: TenantShards): Promise<Response> {
  if (shards.archive !== undefined) while ((await shards.catalog((stub) => stub.archiveClean({ version: CATALOG_RPC_VERSION }))).more);
  return new Response(null, { status: 204 });
}
