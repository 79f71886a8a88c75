import { TIMESTAMP_MS_MAX } from '../../storage/chunk/index.ts';
import { formatLabels, type Labels } from '../../storage/model/labels.ts';
import { float64Bits } from '../../storage/model/sample.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import { mapOfTime, type NumberedMap } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { Rejections } from '../rejections.ts';
import { unitDoubt } from '../time-bounds.ts';
import { addCounts, NOTHING_COUNTED, type WriteCounts } from '../write-counts.ts';
import { LabelledBatches, type LabelledBatchesServices } from './labelled-batches.ts';
import { LateBatches } from './late-batches.ts';

/** A series of an import. One object for the same series wherever that is cheap: what follows from its labels is only found once. */
export class ImportSeries {
  /** As the model has them. */
  readonly labels: Labels;
  id: Uint32Array | undefined;
  /** As of ImportRetention. */
  keptMs: number | undefined;

  constructor(labels: Labels) {
    this.labels = labels;
  }
}

const KEPT_NO_LONGER = 'and samples of this series are kept no longer (VARVE_ARCHIVE_RETENTION, or cold of VARVE_TIERING)';

/** How long a tenant's samples are kept, milliseconds. */
export interface ImportRetention {
  /** By its shards. */
  readonly hotMs: number;
  /** Anywhere, those of a series with these labels; Infinity: for ever. */
  readonly keptMsOf: (labels: Labels) => number;
}

/** What an import's batches are made for, and within which bounds. */
export interface ImportBatchesServices extends Omit<LabelledBatchesServices, 'map' | 'oldestAgeMs'> {
  readonly retention: ImportRetention;
}

/**
 * Batches of an import, which takes samples of any age that is kept: what is well within the retention of the hot tier goes there, in any order, and can
 * be queried at once; what is older goes to the shards' late queues, where it waits for the archive.
 */
export class ImportBatches {
  readonly #clock: Clock;
  readonly #limits: typeof LIMITS;
  readonly #rejections: Rejections;
  readonly #hotAgeMsMax: number;
  readonly #oldestAgeMs: number;
  readonly #keptMsOf: (labels: Labels) => number;
  #shards: TenantShards;
  /** By the map that the samples' times are of: mostly one. */
  #hot = new Map<NumberedMap, LabelledBatches>();
  #late: LateBatches;
  /** The batches that have a series open, and which. */
  #open: { readonly batches: LabelledBatches; readonly map: NumberedMap; readonly series: ImportSeries } | undefined;
  #nowMs = 0;
  #oldestHotMs = 0;
  #stored: WriteCounts = NOTHING_COUNTED;
  #lateSamples = 0;
  #exemplarsLeftOut = 0;

  constructor({ shards, clock, limits, rejections, retention: { hotMs: hotRetentionMs, keptMsOf } }: ImportBatchesServices) {
    this.#shards = shards;
    this.#clock = clock;
    this.#limits = limits;
    this.#rejections = rejections;
    this.#keptMsOf = keptMsOf;
    this.#hotAgeMsMax = hotRetentionMs - limits.importRetentionMarginMs;
    // Room for the time between looking at the clock here and there: what was found young enough here must not be refused there.
    this.#oldestAgeMs = hotRetentionMs - limits.importRetentionMarginMs / 2;
    this.#late = new LateBatches(shards, limits, rejections);
    this.#readClock();
  }

  /** What has been stored by flushes, in the hot tier. */
  get stored(): WriteCounts {
    return this.#stored;
  }

  /** Samples that flushes have put into late queues. */
  get lateSamples(): number {
    return this.#lateSamples;
  }

  /** Exemplars that were too old to be kept. */
  get exemplarsLeftOut(): number {
    return this.#exemplarsLeftOut;
  }

  get isLarge(): boolean {
    return this.#late.isLarge || [...this.#hot.values()].some(({ isLarge }) => isLarge);
  }

  /** `startMs`: 0 when it is not known. */
  sample(series: ImportSeries, timestampMs: number, value: number, startMs = 0): void {
    const bits = float64Bits(value);
    const bitsLow = bits[0]!;
    const bitsHigh = bits[1]!;
    const knownStartMs = startMs > 0 && startMs <= timestampMs ? startMs : 0;
    if (timestampMs >= this.#oldestHotMs) {
      this.#batchesFor(series, timestampMs).sample(timestampMs, bitsLow, bitsHigh, knownStartMs);
      return;
    }
    const keptMs = (series.keptMs ??= this.#keptMsOf(series.labels));
    if (timestampMs < this.#nowMs - keptMs) {
      // Taken, it could never be read. And a sender of nonsense would have a file made for each of a million days, which leaves again at once.
      this.#rejections.add('bad-data', 1, () => `${formatLabels(series.labels)}: too old: ${timestampMs} is more than ${keptMs} ms ago, ${KEPT_NO_LONGER}${unitDoubt(timestampMs, this.#nowMs)}`);
    } else if (timestampMs >= -TIMESTAMP_MS_MAX) this.#late.add(series.labels, timestampMs, bitsLow, bitsHigh, knownStartMs);
    else this.#rejections.add('bad-data', 1, () => `${formatLabels(series.labels)}: the timestamp ${timestampMs} cannot be stored`);
  }

  /**
   * Exemplars are kept with the hot tier's samples only: an older one is left out, and counted. It is no fault of the text, which nobody could
   * mend: a backfill has them, and so has what a target exposes of a bucket that is seldom hit.
   */
  exemplar(series: ImportSeries, timestampMs: number, value: number, exemplarLabels: Labels): void {
    if (timestampMs < this.#oldestHotMs) {
      this.#exemplarsLeftOut++;
      return;
    }
    this.#batchesFor(series, timestampMs).exemplar(timestampMs, value, exemplarLabels);
  }

  /** Sends what has been collected. A throw means that it is unknown whether it was stored; sending it again is harmless. */
  async flush(): Promise<void> {
    this.#close();
    const stored = await Promise.all(Array.from(this.#hot.values(), (batches) => batches.flush()));
    this.#stored = stored.reduce(addCounts, this.#stored);
    this.#lateSamples += await this.#late.flush();
    await this.#renew();
    this.#readClock();
  }

  /** An import may take hours, in which there may come to be more shards: nothing is collected by maps that are not sure to be all. */
  async #renew(): Promise<void> {
    const shards = await this.#shards.renewed();
    if (shards === this.#shards) return;
    this.#shards = shards;
    this.#hot = new Map();
    this.#late = new LateBatches(shards, this.#limits, this.#rejections);
  }

  /** Those of the time's map, with the series open. */
  #batchesFor(series: ImportSeries, timestampMs: number): LabelledBatches {
    const open = this.#open;
    if (open !== undefined && open.series === series && timestampMs >= open.map.fromMs && timestampMs < open.map.untilMs) return open.batches;
    this.#close();
    const { hasher, maps } = this.#shards;
    if (series.id === undefined) {
      hasher.hashLabels(series.labels);
      series.id = hasher.words.slice();
    }
    const map = mapOfTime(maps, timestampMs);
    let batches = this.#hot.get(map);
    if (batches === undefined) this.#hot.set(map, (batches = new LabelledBatches({ shards: this.#shards, map, clock: this.#clock, limits: this.#limits, rejections: this.#rejections, oldestAgeMs: this.#oldestAgeMs })));
    batches.begin(series.labels, series.id);
    this.#open = { batches, map, series };
    return batches;
  }

  #close(): void {
    this.#open?.batches.end();
    this.#open = undefined;
  }

  #readClock(): void {
    this.#nowMs = this.#clock.nowMs();
    this.#oldestHotMs = this.#nowMs - this.#hotAgeMsMax;
  }
}
