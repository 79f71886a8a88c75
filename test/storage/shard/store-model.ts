import { encodeHistogram } from '../../../storage/chunk/index.ts';
import { compileMatcher } from '../../../storage/model/compile-matcher.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { compareLabels, formatLabels, labelsKey, labelValue, type Labels } from '../../../storage/model/labels.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';
import type { HotStore } from '../../../storage/shard/hot-store.ts';
import { readSelectPage, type PageSeries } from '../../../storage/shard/select/select-page.ts';
import { SelectionWork } from '../../../storage/shard/select/selection-work.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { bitsOf, type TestBatch } from './batches.ts';

/** What is read: per series, in label order, its text and samples as `time:high:low`. Strings, so that a difference can be read. */
export type Dump = readonly (readonly [series: string, samples: readonly string[]])[];

export interface Range {
  readonly matchers?: readonly Matcher[];
  readonly startMs?: number;
  readonly endMs?: number;
}

/** The naive store: series in a map, samples in a map by timestamp, the last one accepted wins. */
export class StoreModel {
  readonly #series = new Map<string, { labels: Labels; samples: Map<number, string> }>();
  /** What is older is refused. */
  #floorMs = -Infinity;

  /** Removes what is older, for ever; returns how many samples. */
  prune(beforeMs: number): number {
    this.#floorMs = Math.max(this.#floorMs, beforeMs);
    return this.#remove(() => this.#floorMs);
  }

  /** Keeps the newest `count` samples of each series; returns how many went. */
  keepNewest(count: number): number {
    return this.#remove((samples) => [...samples.keys()].sort((a, b) => b - a)[count - 1] ?? -Infinity);
  }

  /** Removes samples of the series that match within a time; returns how many. */
  deleteRange({ matchers = [], startMs = -Infinity, endMs = Infinity }: Range): number {
    let removed = 0;
    for (const { labels, samples } of this.#series.values()) {
      if (!matchers.every((matcher) => compileMatcher(matcher)(labelValue(labels, matcher.name)))) continue;
      for (const timestampMs of [...samples.keys()]) if (timestampMs >= startMs && timestampMs <= endMs && samples.delete(timestampMs)) removed++;
    }
    return removed;
  }

  #remove(beforeMs: (samples: ReadonlyMap<number, string>) => number): number {
    let removed = 0;
    for (const { samples } of this.#series.values()) {
      const limitMs = beforeMs(samples);
      for (const timestampMs of [...samples.keys()]) if (timestampMs < limitMs && samples.delete(timestampMs)) removed++;
    }
    return removed;
  }

  apply(batch: TestBatch): void {
    for (const { labels, samples } of batch) {
      const key = labelsKey(labels);
      let series = this.#series.get(key);
      if (series === undefined) this.#series.set(key, (series = { labels, samples: new Map() }));
      for (const [timestampMs, value, startMs] of samples) {
        if (timestampMs < this.#floorMs) continue;
        if (typeof value === 'object') series.samples.set(timestampMs, histogramText(timestampMs, value, startMs));
        else series.samples.set(timestampMs, sampleText(timestampMs, ...bitsOf(value), startMs));
      }
    }
  }

  clone(): StoreModel {
    const copy = new StoreModel();
    copy.#floorMs = this.#floorMs;
    for (const [key, { labels, samples }] of this.#series) copy.#series.set(key, { labels, samples: new Map(samples) });
    return copy;
  }

  /** The newest sample of a series at or before a time. */
  lastAt(labels: Labels, timeMs: number): string | undefined {
    const samples = this.#series.get(labelsKey(labels))?.samples ?? new Map<number, string>();
    const [newest] = [...samples.keys()].filter((timestampMs) => timestampMs <= timeMs).sort((a, b) => b - a);
    return newest === undefined ? undefined : samples.get(newest);
  }

  dump({ matchers = [], startMs = -Infinity, endMs = Infinity }: Range = {}): Dump {
    return [...this.#series.values()]
      .filter(({ labels }) => matchers.every((matcher) => compileMatcher(matcher)(labelValue(labels, matcher.name))))
      .sort((a, b) => compareLabels(a.labels, b.labels))
      .map(({ labels, samples }) => {
        const inRange = [...samples].filter(([timestampMs]) => timestampMs >= startMs && timestampMs <= endMs).sort(([a], [b]) => a - b);
        return [formatLabels(labels), inRange.map(([, text]) => text)] as const;
      })
      .filter(([, samples]) => samples.length > 0);
  }
}

/** Everything that a store answers for a range, page by page. */
export function dump(store: HotStore, range: Range = {}, onPage: (seriesCount: number, bytes: number) => void = () => {}): Dump {
  const { matchers = [], startMs = -Infinity, endMs = Infinity } = range;
  const rows: [string, string[]][] = [];
  let after: Labels | undefined;
  for (;;) {
    const answer = store.select({ version: SHARD_RPC_VERSION, matchers, startMs, endMs, after, samplesMax: 10_000_000 });
    if (answer.status !== 'page') throw new Error(answer.message);
    let seriesCount = 0;
    for (const series of readSelectPage(answer.page)) {
      rows.push(rowOf(series));
      after = series.labels;
      seriesCount++;
    }
    onPage(seriesCount, answer.page.byteLength);
    if (!answer.more) return rows;
    if (seriesCount === 0) throw new Error('an empty page that promises more');
  }
}

/** The same, as an evaluation beside the store reads it. Rows are made when all series have been read: their arrays must be their own. */
export function dumpScan(store: HotStore, range: Range = {}): Dump {
  const { matchers = [], startMs = -Infinity, endMs = Infinity } = range;
  return [...store.scan(matchers, new SelectionWork()).series({ startMs, endMs })].map(rowOf);
}

function rowOf({ labels, timestampsMs, values, isStale, histograms, startTimestampsMs }: PageSeries): [string, string[]] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const samples = Array.from(timestampsMs, (timestampMs, i) => {
    const [low, high] = [bits[i * 2]!, bits[i * 2 + 1]!];
    const histogram = histograms?.[i];
    if (histogram !== undefined) return histogramText(timestampMs, histogram, startTimestampsMs?.[i]);
    if ((isStale?.[i] === 1) !== (high === 0x7ff00000 && low === 2)) throw new Error(`isStale is wrong at ${timestampMs}`);
    return sampleText(timestampMs, low, high, startTimestampsMs?.[i]);
  });
  return [formatLabels(labels), samples];
}

export function sampleText(timestampMs: number, low: number, high: number, startMs = 0): string {
  return `${timestampMs}:${high.toString(16)}:${low.toString(16)}${startMs === 0 ? '' : ` since ${startMs}`}`;
}

export function histogramText(timestampMs: number, histogram: FloatHistogram, startMs = 0): string {
  return `${timestampMs}:${Buffer.from(encodeHistogram(histogram, false)).toString('hex')}${startMs === 0 ? '' : ` since ${startMs}`}`;
}
