import { Hono } from 'hono';
import type { ArchiveDayStatus, ArchiveStatusAnswer, ArchiveTableStatus, UpkeepStatus, UpkeepWork } from '../../storage/catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { dayText } from '../../storage/runtime/units.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { FlushStatus, FlushTask, SegmentSummary, ShardApi, ShardStats } from '../../storage/shard/shard-api.ts';
import { answer } from '../answer.ts';
import { success } from '../respond.ts';
import { MissingParts } from '../source/missing-parts.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { shardMapsJson } from './shard-map-json.ts';

/**
 * Where a tenant's samples are, and how they move from tier to tier; to be mounted at `/api/v1`. Times are RFC 3339, null where there is none.
 * Sums are of the shards that answer; `missing` names those that do not, and the catalog likewise, and why.
 */
export function tierRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/status/tiers', (context) => answer(context, async () => success(await tierStatus(await openTenant(services, context), services.clock.nowMs()))));
  return routes;
}

async function tierStatus(shards: TenantShards, nowMs: number): Promise<unknown> {
  const missing = new MissingParts();
  const hot = await Promise.all(
    shardNumbers(shards).map(async (shard) => {
      const name = shards.archive?.shardNames[shard] ?? String(shard);
      const status = await missing.ask(`shard ${name}`, () => shards.call(shard, hotStatus));
      return status === undefined ? [] : [shardJson(name, status, nowMs)];
    }),
  );
  const catalog = shards.archive && (await missing.ask('catalog', () => shards.catalog((stub) => stub.archiveStatus({ version: CATALOG_RPC_VERSION }))));
  const hotJson = hot.flat();
  return {
    time: timeText(nowMs),
    missing: missing.toJson(),
    shardMaps: shardMapsJson(shards.maps, nowMs),
    hot: { segments: sum(hotJson, 'segments'), samples: sum(hotJson, 'samples'), bytes: sum(hotJson, 'bytes'), shards: hotJson },
    archive: catalog === undefined ? null : archiveJson(catalog, nowMs),
  };
}

interface HotStatus {
  readonly segments: readonly SegmentSummary[];
  readonly stats: ShardStats;
  readonly flush: FlushStatus | undefined;
}

async function hotStatus(stub: ShardApi): Promise<HotStatus> {
  const [segments, stats, flush] = await Promise.all([stub.segmentSummaries(), stub.stats(), stub.flushStatus()]);
  return { segments, stats, flush };
}

/** `samples` are those in segments and in the log, those that a window has sent to the archive among them until they are dropped. */
function shardJson(shard: string, { segments, stats: { gauges }, flush }: HotStatus, nowMs: number) {
  return {
    shard,
    series: gauges['series'] ?? 0,
    segments: segments.length,
    samples: sum(segments, 'sampleCount') + (gauges['log_entries'] ?? 0),
    bytes: gauges['storage_bytes'] ?? 0,
    minTime: timeText(least(segments.map(({ minTimeMs }) => minTimeMs))),
    maxTime: timeText(greatest(segments.map(({ maxTimeMs }) => maxTimeMs))),
    lateSamples: gauges['late_samples'] ?? 0,
    flush: flush === undefined ? null : flushJson(flush, nowMs),
  };
}

function flushJson({ archivedUntilMs, closedUntilMs, lagSeconds, overdueSeconds, begun, next, failure }: FlushStatus, nowMs: number) {
  return {
    archivedUntil: timeText(archivedUntilMs),
    closedUntil: timeText(closedUntilMs),
    lagSeconds,
    overdueSeconds,
    begun: begun === undefined ? null : { ...taskJson(begun.task), files: begun.fileCount, samples: begun.rowCount, bytes: begun.bytes },
    // Late batches whose time is archived already are due at once.
    next: next === undefined ? null : { ...taskJson(next.task), due: timeText(Math.max(next.dueMs, nowMs)) },
    failure: failureJson(failure),
  };
}

function taskJson(task: FlushTask) {
  return task.kind === 'window' ? { kind: task.kind, start: timeText(task.startMs), end: timeText(task.endMs) } : { kind: task.kind, batches: task.batchCount };
}

function archiveJson({ tables, archivedUntilMs, deletions, upkeep, commitsLostMs, adopted }: ArchiveStatusAnswer, nowMs: number) {
  const watermarks = Object.entries(archivedUntilMs).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    windowSeconds: LIMITS.archiveWindowMs / 1000,
    graceSeconds: LIMITS.archiveGraceMs / 1000,
    archivedUntil: Object.fromEntries(watermarks.map(([shard, untilMs]) => [shard, timeText(untilMs)])),
    commitsLost: timeText(commitsLostMs),
    adopted: adopted === undefined ? null : { time: timeText(adopted.timeMs), files: adopted.fileCount },
    tables: tables.map(tableJson),
    deletions: deletions === undefined ? null : { waiting: deletions.waiting, files: deletions.fileCount },
    upkeep: upkeep === undefined ? null : upkeep.map((status) => upkeepJson(status, nowMs)),
  };
}

/** What is due and has not had its turn is due now. */
function upkeepJson({ task, dueMs, begun, next, failure }: UpkeepStatus, nowMs: number) {
  return {
    task,
    due: dueMs === undefined ? null : timeText(Math.max(dueMs, nowMs)),
    begun: begun === undefined ? null : { ...workJson(begun), files: begun.fileCount, written: { files: begun.written.fileCount, rows: begun.written.rowCount, bytes: begun.written.bytes } },
    next: next === undefined ? null : workJson(next),
    failure: failureJson(failure),
  };
}

function workJson({ table, day, shard }: UpkeepWork) {
  return { table, day: dayText(day), shard: shard ?? null };
}

function failureJson(failure: FlushStatus['failure']) {
  return failure === undefined ? null : { count: failure.count, message: failure.message, retryAt: timeText(failure.retryAtMs) };
}

function tableJson({ table, days, unpublishedFiles, snapshot }: ArchiveTableStatus) {
  return {
    table,
    tier: table.startsWith('rollup_') ? 'warm' : 'cold',
    files: sum(days, 'fileCount'),
    samples: sum(days, 'rowCount'),
    bytes: sum(days, 'bytes'),
    minTime: timeText(least(days.map(({ minTimeMs }) => minTimeMs))),
    maxTime: timeText(greatest(days.map(({ maxTimeMs }) => maxTimeMs))),
    iceberg: { unpublishedFiles, snapshots: snapshot?.count ?? 0, snapshotId: snapshot?.id ?? null, snapshotTime: timeText(snapshot?.timeMs), metadata: snapshot?.metadataKey ?? null },
    days: days.map(dayJson),
  };
}

function dayJson({ day, fileCount, rowCount, bytes }: ArchiveDayStatus) {
  return { day: dayText(day), files: fileCount, samples: rowCount, bytes };
}

function timeText(timeMs: number | undefined): string | null {
  return timeMs === undefined || !Number.isFinite(timeMs) ? null : new Date(timeMs).toISOString();
}

function sum<K extends string>(all: readonly Readonly<Record<K, number>>[], field: K): number {
  return all.reduce((total, one) => total + one[field], 0);
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity);
}

function greatest(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), -Infinity);
}
