import { Admission } from '../../../ingest/admission.ts';
import type { ImportRetention } from '../../../ingest/import/import-batches.ts';
import { ImportDoor, type ImportOptions, type ImportOutcome, type InfluxOptions } from '../../../ingest/import/import-door.ts';
import { MetadataSink } from '../../../ingest/metadata-sink.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { compareLabels, formatLabels, type Labels } from '../../../storage/model/labels.ts';
import type { MetadataEntry } from '../../../storage/model/metadata.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { DEFAULT_TENANT_LIMITS, type LimitsOfTenant } from '../../../storage/runtime/tenant-limits.ts';
import { ShardRouter, type TenantShards } from '../../../storage/shard-router.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { ManualTimers } from '../../fakes/manual-timers.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';
import { WaitingClock } from '../../fakes/waiting-clock.ts';

export const NOW_MS = 1_700_000_000_000;

type Body = string | Uint8Array | ReadableStream<Uint8Array>;

/** The door of imports over shards in memory. */
export class ImportStack {
  readonly shards: MemoryShards;
  readonly clock = new WaitingClock(NOW_MS);
  readonly timers = new ManualTimers();
  readonly counters = new Counters();
  readonly door: ImportDoor;
  readonly #router: ShardRouter;

  constructor({ shardCount = 1, limits = LIMITS, limitsOf, keptMsOf = () => Infinity }: { readonly shardCount?: number; readonly limits?: typeof LIMITS; readonly limitsOf?: LimitsOfTenant; readonly keptMsOf?: ImportRetention['keptMsOf'] } = {}) {
    this.shards = new MemoryShards(limits);
    this.shards.nowMs = NOW_MS;
    this.#router = new ShardRouter(this.shards, shardCount, new FixedClock(0));
    const metadata = new MetadataSink(limits, this.clock, this.counters);
    // The system's bounds are made small by tests that are not about tenants'.
    const { importBodyBytesMax, labelsPerSeriesMax } = limits;
    const admission = new Admission(limitsOf ?? (() => ({ ...DEFAULT_TENANT_LIMITS, importBodyBytesMax, labelsPerSeriesMax })), limits, this.clock);
    this.door = new ImportDoor({ clock: this.clock, startTimer: this.timers.start, admission, limits, counters: this.counters, metadata, retentionOf: () => ({ hotMs: LIMITS.hotRetentionMs, keptMsOf }) });
  }

  tenant(): Promise<TenantShards> {
    return this.#router.tenant('t');
  }

  async text(body: Body, options: Partial<ImportOptions> = {}, headers: Record<string, string> = {}): Promise<ImportOutcome> {
    return this.door.exposition(await this.tenant(), request(body, headers), { extraLabels: [], ...options });
  }

  openMetrics(body: Body, options: Partial<ImportOptions> = {}): Promise<ImportOutcome> {
    return this.text(body, options, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' });
  }

  async influx(body: Body, { precision = 'ns', database = '' }: Partial<InfluxOptions> = {}, options: Partial<ImportOptions> = {}): Promise<ImportOutcome> {
    return this.door.influx(await this.tenant(), request(body, {}), { extraLabels: [], ...options }, { precision, database });
  }

  /** Everything that can be queried, as `series time=value@start`, times after NOW_MS. */
  stored(): string[] {
    const rows: { labels: Labels; text: string }[] = [];
    for (const name of this.shards.shardNames) {
      const answer = this.shards.storeOf(name).select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after: undefined, samplesMax: 1e7 });
      if (answer.status !== 'page' || answer.more) throw new Error('one page expected');
      for (const { labels, timestampsMs, values, startTimestampsMs } of readSelectPage(answer.page)) {
        const samples = Array.from(timestampsMs, (at, i) => {
          const startMs = startTimestampsMs?.[i] ?? 0;
          return `${at - NOW_MS}=${values[i]}${startMs === 0 ? '' : `@${startMs}`}`;
        });
        rows.push({ labels, text: `${formatLabels(labels)} ${samples.join(' ')}` });
      }
    }
    return rows.sort((a, b) => compareLabels(a.labels, b.labels)).map(({ text }) => text);
  }

  /** What waits for the archive, as `series time=value@start`, times absolute. */
  late(): string[] {
    const rows: string[] = [];
    for (const name of this.shards.shardNames) {
      const queue = this.shards.storeOf(name).late;
      for (let sequence = queue.nextSequence(); sequence !== undefined; sequence = queue.nextSequence(sequence)) {
        queue.read(sequence, ({ labels, timestampsMs, valueBits, startsMs }) => {
          const values = new Float64Array(valueBits.buffer, valueBits.byteOffset, timestampsMs.length);
          const samples = Array.from(timestampsMs, (at, i) => `${at}=${values[i]}${startsMs[i] === 0 ? '' : `@${startsMs[i]}`}`);
          rows.push(`${formatLabels(labels)} ${samples.join(' ')}`);
        });
      }
    }
    return rows.sort();
  }

  async metadata(): Promise<readonly MetadataEntry[]> {
    const shards = await this.tenant();
    const ask = { version: CATALOG_RPC_VERSION, metric: undefined, after: '', metricsMax: 1000, perMetricMax: 1000 };
    return (await shards.catalog((catalog) => catalog.metadata(ask))).entries;
  }
}

function request(body: Body, headers: Record<string, string>): Request {
  return new Request('http://varve/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}
