import { formatLabels, type Labels } from '../../storage/model/labels.ts';
import { float64Bits } from '../../storage/model/sample.ts';
import { assert } from '../../storage/runtime/assert.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { NumberedMap } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { LabelsOf } from '../outgoing-message.ts';
import type { Rejections } from '../rejections.ts';
import type { SampleBatch } from '../sample-batch.ts';
import { BatchMemory, ShardBatches } from '../shard-batches.ts';
import { sendBatch } from '../shard-send.ts';
import { TimeBounds } from '../time-bounds.ts';
import { addCounts, NOTHING_COUNTED, type WriteCounts } from '../write-counts.ts';

/** What batches of labelled series are made for, and within which bounds. */
export interface LabelledBatchesServices {
  readonly shards: TenantShards;
  /** Of the samples' times. */
  readonly map: NumberedMap;
  readonly clock: Clock;
  readonly limits: typeof LIMITS;
  /** Hears of the samples that are left out. */
  readonly rejections: Rejections;
  /** Samples that are older than this, in milliseconds, are refused. */
  readonly oldestAgeMs: number;
}

/**
 * Batches for doors that have their series as label sets: what has been begun, sampled and ended is shared out to one batch a shard of a map, and
 * `flush` sends them. A door that goes on collecting flushes when `isLarge`, so that memory stays bounded however long its request is.
 */
export class LabelledBatches {
  readonly #shards: TenantShards;
  readonly #map: NumberedMap;
  readonly #clock: Clock;
  readonly #limits: typeof LIMITS;
  readonly #rejections: Rejections;
  readonly #oldestAgeMs: number;
  readonly #memory = new BatchMemory();
  #batches: ShardBatches;
  /** Of what has been collected, by source number. */
  #labels: Labels[] = [];
  #open: { readonly labels: Labels; readonly batch: SampleBatch } | undefined;
  #times: TimeBounds;

  constructor({ shards, map, clock, limits, rejections, oldestAgeMs }: LabelledBatchesServices) {
    this.#shards = shards;
    this.#map = map;
    this.#clock = clock;
    this.#limits = limits;
    this.#rejections = rejections;
    this.#oldestAgeMs = oldestAgeMs;
    this.#batches = this.#newBatches();
    this.#times = this.#timesNow();
  }

  /** Whether so much has been collected that it should be sent before more is. */
  get isLarge(): boolean {
    return this.#batches.hasFull || this.#labels.length >= this.#limits.importSeriesTarget;
  }

  /** Begins a series; `labels` are as the model has them, and `id` is what the hasher makes of them. */
  begin(labels: Labels, id: Uint32Array): void {
    assert(this.#open === undefined, 'a series inside a series');
    const batch = this.#batches.of(id[1]!);
    this.#open = { labels, batch };
    batch.beginSeriesOf(this.#labels.length, id, 0);
    this.#labels.push(labels);
  }

  /** A float as bits, so that a stale marker survives. `startMs` is its start timestamp, 0 when unknown. */
  sample(timestampMs: number, bitsLow: number, bitsHigh: number, startMs = 0): void {
    if (this.#times.isOutside(timestampMs)) {
      this.#rejections.add('bad-data', 1, () => `${this.#name()}: ${this.#times.refusal(timestampMs)}`);
      return;
    }
    const batch = this.#batch();
    batch.addSample(timestampMs, bitsLow, bitsHigh, startMs);
    this.#batches.cutWhenFull(batch);
  }

  exemplar(timestampMs: number, value: number, labels: Labels): void {
    if (this.#times.isOutside(timestampMs)) {
      this.#rejections.add('bad-data', { exemplars: 1 }, () => `${this.#name()}: an exemplar: ${this.#times.refusal(timestampMs)}`);
      return;
    }
    const bits = float64Bits(value);
    const batch = this.#batch();
    batch.addExemplar(timestampMs, bits[0]!, bits[1]!, labels);
    this.#batches.cutWhenFull(batch);
  }

  end(): void {
    this.#batch().endSeries();
    this.#open = undefined;
  }

  /** Sends what has been collected and answers what is stored of it. A throw means that this is unknown; sending again is harmless. */
  async flush(): Promise<WriteCounts> {
    assert(this.#open === undefined, 'a flush inside a series');
    const outgoing = this.#batches.finish();
    const labels = this.#labels;
    this.#batches = this.#newBatches();
    this.#labels = [];
    this.#times = this.#timesNow();
    const labelsOf: LabelsOf = (sources, take) => {
      for (let i = 0; i < sources.length; i++) take(labels[sources[i]!]!, i);
    };
    const stored = await Promise.all(outgoing.map((batch) => sendBatch(this.#shards, batch, labelsOf, this.#rejections)));
    return stored.reduce(addCounts, NOTHING_COUNTED);
  }

  #batch(): SampleBatch {
    assert(this.#open !== undefined, 'a sample outside of a series');
    return this.#open.batch;
  }

  #newBatches(): ShardBatches {
    return new ShardBatches(this.#shards, this.#map, this.#limits, this.#memory);
  }

  #timesNow(): TimeBounds {
    return new TimeBounds(this.#clock.nowMs(), this.#limits, this.#oldestAgeMs);
  }

  #name(): string {
    return this.#open === undefined ? '' : formatLabels(this.#open.labels);
  }
}
