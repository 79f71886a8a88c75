import type { LIMITS } from '../storage/runtime/limits.ts';
import type { NumberedMap } from '../storage/shard-maps.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { SampleBatch, type SingleColumns } from './sample-batch.ts';
import type { SeriesIdColumns } from './series-id-columns.ts';
import type { SeriesRefs, ShardRefs } from './series-refs.ts';
import type { OutgoingBatch } from './shard-send.ts';

type BatchLimits = Pick<typeof LIMITS, 'batchSamplesMax' | 'batchBytesMax'>;

/** Memory of batches, lent to one ShardBatches after the other: as much as the largest tenant's shards. */
export class BatchMemory {
  #batches: SampleBatch[] = [];

  /** Empty ones, one a shard of the map. They are the caller's until the next call, which must not come before it has finished. */
  lend({ shardCount, firstShard }: NumberedMap): readonly SampleBatch[] {
    while (this.#batches.length < shardCount) this.#batches.push(new SampleBatch());
    this.#batches.forEach((batch, place) => {
      batch.clear();
      batch.shard = firstShard + place;
    });
    return this.#batches;
  }

  /** Gives back what a large request took, also one that has not come to its end. */
  rest(): void {
    if (this.#batches.some(({ isLarge }) => isLarge)) this.#batches = [];
    for (const batch of this.#batches) batch.clear();
  }
}

/** What is collected for the shards of one of a tenant's maps: a batch for each, and those that have become full before the end. */
export class ShardBatches {
  readonly #shards: TenantShards;
  readonly #limits: BatchLimits;
  readonly #refs: SeriesRefs | undefined;
  readonly #shardCount: number;
  readonly #batches: readonly SampleBatch[];
  readonly #full: OutgoingBatch[] = [];
  /** Of the messages of those that have become full. */
  fullBytes = 0;

  /** With `refs`, series are named as their shards are known to call them. */
  constructor(shards: TenantShards, map: NumberedMap, limits: BatchLimits, memory: BatchMemory, refs?: SeriesRefs) {
    this.#shards = shards;
    this.#limits = limits;
    this.#refs = refs;
    this.#shardCount = map.shardCount;
    this.#batches = memory.lend(map);
  }

  /** Whether any has become full. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  /** The batch of the series whose id has this high word. */
  of(idHigh: number): SampleBatch {
    return this.#batches[this.#shardCount === 1 ? 0 : idHigh % this.#shardCount]!;
  }

  /**
   * Shares out a whole request of series that have one float each, without start timestamps, and no more of them than a batch may have: a column at a time, which
   * with making the messages takes a fifth less than series by series. Nothing has been collected before.
   */
  addSingles(columns: SingleColumns & { readonly seriesCount: number }, ids: SeriesIdColumns): void {
    const { seriesCount } = columns;
    const { high } = ids;
    const batches = this.#batches;
    const shardCount = this.#shardCount;
    for (let series = 0; series < seriesCount; series++) batches[high[series]! % shardCount]!.place(series);
    for (const batch of batches) batch.takePlaced(columns, ids);
  }

  /** A series may be longer than a batch: with the batch full, the rest goes on as the same series in the next one. For a series that has been begun and not ended. */
  cutWhenFull(batch: SampleBatch): void {
    if (batch.isFull(this.#limits)) this.#keep(batch.cut(this.#refsOf(batch)));
  }

  /** The same between two series. */
  sendWhenFull(batch: SampleBatch): void {
    if (batch.isFull(this.#limits)) this.#send(batch);
  }

  /** All that was collected; nothing can be added any more. */
  finish(): readonly OutgoingBatch[] {
    for (const batch of this.#batches) if (batch.seriesCount > 0) this.#send(batch);
    return this.#full;
  }

  #send(batch: SampleBatch): void {
    this.#keep(batch.toOutgoing(this.#refsOf(batch)));
    batch.clear();
  }

  #keep(outgoing: OutgoingBatch): void {
    this.#full.push(outgoing);
    this.fullBytes += outgoing.message.byteLength;
  }

  #refsOf({ shard }: SampleBatch): ShardRefs | undefined {
    return this.#refs?.of(this.#shards, shard);
  }
}
