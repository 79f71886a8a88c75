import { Admission } from '../../../ingest/admission.ts';
import { HaTracker } from '../../../ingest/ha-tracker.ts';
import { MetadataSink } from '../../../ingest/metadata-sink.ts';
import { OtlpDoor, type OtlpEncoding, type OtlpOutcome } from '../../../ingest/otlp/otlp-door.ts';
import type { HeldMemory } from '../../../ingest/request-memory.ts';
import { WriteGate } from '../../../ingest/write-gate.ts';
import { formatHistogram } from '../../../storage/model/histogram-text.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { compareLabels, formatLabels, type Labels } from '../../../storage/model/labels.ts';
import { CacheBudget } from '../../../storage/runtime/cache-budget.ts';
import type { HaConfig } from '../../../storage/runtime/config.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { OTLP_DEFAULTS, type OtlpOptions } from '../../../storage/runtime/otlp-options.ts';
import { readTenantLimits } from '../../../storage/runtime/tenant-limits.ts';
import { ShardRouter, type TenantShards } from '../../../storage/shard-router.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';

export const NOW_MS = 1_700_000_000_000;

/** The OTLP door over shards in memory. */
export class OtlpStack {
  readonly shards: MemoryShards;
  readonly door: OtlpDoor;
  readonly counters = new Counters();
  readonly clock = new FixedClock(NOW_MS);
  readonly #router: ShardRouter;

  constructor({ shardCount = 1, options = {}, limits = LIMITS, tenantLimits, ha }: { shardCount?: number; options?: Partial<OtlpOptions>; limits?: typeof LIMITS; tenantLimits?: string; ha?: HaConfig } = {}) {
    this.shards = new MemoryShards(limits);
    this.#router = new ShardRouter(this.shards, shardCount, new FixedClock(0));
    this.door = new OtlpDoor({
      clock: this.clock,
      gate: new WriteGate(new Admission(readTenantLimits(tenantLimits), limits, this.clock), ha === undefined ? undefined : new HaTracker(ha, limits, this.clock, this.counters)),
      limits,
      options: { ...OTLP_DEFAULTS, ...options },
      metadata: new MetadataSink(limits, this.clock, new Counters()),
      caches: new CacheBudget(limits, this.clock, new Counters()),
    });
  }

  async write(body: Uint8Array, encoding: OtlpEncoding = 'protobuf', held?: HeldMemory): Promise<OtlpOutcome> {
    // A copy each time, as a decompressor makes it.
    return this.door.write(await this.tenant(), () => body.slice(), encoding, held);
  }

  tenant(): Promise<TenantShards> {
    return this.#router.tenant('default');
  }

  /** Everything in all shards, a line a series: `name{…} at=value`, times from NOW_MS, `[start]` in front of values that have one. */
  stored(): string[] {
    const rows: { labels: Labels; text: string }[] = [];
    for (const name of this.shards.shardNames) {
      const answer = this.shards.storeOf(name).select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after: undefined, samplesMax: 1e7 });
      if (answer.status !== 'page' || answer.more) throw new Error('one page expected');
      for (const { labels, timestampsMs, values, isStale, histograms, startTimestampsMs } of readSelectPage(answer.page)) {
        const samples = Array.from(timestampsMs, (at, i) => {
          const startMs = startTimestampsMs?.[i] ?? 0;
          const value = isStale?.[i] === 1 ? 'stale' : sampleText(values[i]!, histograms?.[i]);
          return `${startMs === 0 ? '' : `[${startMs - NOW_MS}]`}${at - NOW_MS}=${value}`;
        });
        rows.push({ labels, text: `${formatLabels(labels)} ${samples.join(' ')}` });
      }
    }
    return rows.sort((a, b) => compareLabels(a.labels, b.labels)).map(({ text }) => text);
  }

  /** Every exemplar, as `series {labels} value@time`. */
  exemplars(): string[] {
    return this.shards.shardNames.flatMap((name) => {
      const { series } = this.shards.storeOf(name).selectExemplars({ version: SHARD_RPC_VERSION, selectors: [[]], startMs: -Infinity, endMs: Infinity });
      return series.flatMap(({ labels, exemplars }) => exemplars.map((exemplar) => `${formatLabels(labels)} ${formatLabels(exemplar.labels)} ${exemplar.value}@${exemplar.timestampMs - NOW_MS}`));
    });
  }
}

function sampleText(value: number, histogram: FloatHistogram | undefined): string {
  return histogram === undefined ? String(value) : formatHistogram(histogram);
}
