import { formatLabels, type Labels } from '../../storage/model/labels.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import { mapOfTime, shardOf } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { LateBatchWriter, type LateSeries } from '../../storage/shard/late/late-batch.ts';
import { groupedByDays } from '../../storage/shard/late/late-days.ts';
import type { Rejections } from '../rejections.ts';

type LateLimits = Pick<typeof LIMITS, 'lateBatchBytesTarget' | 'lateSeriesSamplesMax' | 'archiveLateDaysMax'>;

/** A sample in memory with its start timestamp, about. */
const SAMPLE_BYTES = 32;

interface Column {
  readonly timestampsMs: number[];
  readonly valueBits: number[];
  readonly startsMs: number[];
}

/** Samples too old for the hot tier, collected by series and sent to the late queues of their shards, which follow from their times. */
export class LateBatches {
  readonly #shards: TenantShards;
  readonly #limits: LateLimits;
  readonly #rejections: Rejections;
  /** By identity: whoever has the same series in two arrays has it twice, which is harmless. */
  #columns = new Map<Labels, Column>();
  #bytes = 0;

  constructor(shards: TenantShards, limits: LateLimits, rejections: Rejections) {
    this.#shards = shards;
    this.#limits = limits;
    this.#rejections = rejections;
  }

  get isLarge(): boolean {
    return this.#bytes >= this.#limits.lateBatchBytesTarget;
  }

  add(labels: Labels, timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    let column = this.#columns.get(labels);
    if (column === undefined) {
      this.#columns.set(labels, (column = { timestampsMs: [], valueBits: [], startsMs: [] }));
      for (const text of labels) this.#bytes += text.length;
    }
    column.timestampsMs.push(timestampMs);
    column.valueBits.push(bitsLow, bitsHigh);
    column.startsMs.push(startMs);
    this.#bytes += SAMPLE_BYTES;
  }

  /** Sends what has been collected and answers how many samples wait for the archive. A throw means that this is unknown; sending again is harmless. */
  async flush(): Promise<number> {
    const columns = this.#columns;
    const { lateSeriesSamplesMax } = this.#limits;
    this.#columns = new Map();
    this.#bytes = 0;
    const { hasher, maps } = this.#shards;
    const byShard = new Map<number, LateSeries[]>();
    for (const [labels, column] of columns) {
      hasher.hashLabels(labels);
      const idHigh = hasher.words[1]!;
      for (let start = 0, end = 0; start < column.timestampsMs.length; start = end) {
        const map = mapOfTime(maps, column.timestampsMs[start]!);
        while (end < column.timestampsMs.length && end - start < lateSeriesSamplesMax && mapOfTime(maps, column.timestampsMs[end]!) === map) end++;
        const shard = shardOf(map, idHigh);
        const series = byShard.get(shard);
        if (series === undefined) byShard.set(shard, [slice(labels, column, start, end)]);
        else series.push(slice(labels, column, start, end));
      }
    }
    const stored = await Promise.all(Array.from(byShard, ([shard, series]) => this.#sendByDays(shard, series)));
    return stored.reduce((sum, samples) => sum + samples, 0);
  }

  async #sendByDays(shard: number, series: readonly LateSeries[]): Promise<number> {
    let stored = 0;
    for (const group of groupedByDays(series, this.#limits.archiveLateDaysMax)) stored += await this.#send(shard, group);
    return stored;
  }

  async #send(shard: number, series: readonly LateSeries[]): Promise<number> {
    const writer = new LateBatchWriter();
    let stored = 0;
    for (const [i, one] of series.entries()) {
      writer.add(one);
      if (writer.plainBytes < this.#limits.lateBatchBytesTarget && i < series.length - 1) continue;
      const { sampleCount } = writer;
      const message = writer.finish();
      const answer = await this.#shards.call(shard, (stub) => stub.appendLate(message));
      if (answer.status === 'stored') stored += answer.samplesStored;
      else this.#rejections.add(answer.isFull ? 'limit' : 'bad-data', sampleCount, () => `${formatLabels(one.labels)} and others: ${answer.message}`);
    }
    return stored;
  }
}

function slice(labels: Labels, column: Column, start: number, end: number): LateSeries {
  return {
    labels,
    timestampsMs: Float64Array.from(column.timestampsMs.slice(start, end)),
    valueBits: Uint32Array.from(column.valueBits.slice(start * 2, end * 2)),
    startsMs: Float64Array.from(column.startsMs.slice(start, end)),
  };
}
