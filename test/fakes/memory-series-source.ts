import { compileMatcher } from '../../storage/model/compile-matcher.ts';
import { compareLabels, labelsKey, labelValue } from '../../storage/model/labels.ts';
import type { RawSeries, SelectRequest, SeriesSource } from '../../promql/series-source.ts';

/** A series source over arrays in memory. Counts what it was asked, so that tests can see how often the source is read. */
export class MemorySeriesSource implements SeriesSource {
  readonly #series = new Map<string, RawSeries>();
  /** All requests so far. */
  readonly requests: SelectRequest[] = [];
  openReads = 0;

  /** Sets a series; one with the same labels is replaced. */
  set(series: RawSeries): void {
    this.#series.set(labelsKey(series.labels), series);
  }

  get(key: string): RawSeries | undefined {
    return this.#series.get(key);
  }

  clear(): void {
    this.#series.clear();
  }

  async *select(request: SelectRequest): AsyncIterable<RawSeries> {
    this.requests.push(request);
    const tests = request.matchers.map((matcher) => ({ name: matcher.name, matches: compileMatcher(matcher) }));
    const selected = [...this.#series.values()].filter(({ labels }) => tests.every(({ name, matches }) => matches(labelValue(labels, name))));
    this.openReads++;
    try {
      for (const series of selected.sort((a, b) => compareLabels(a.labels, b.labels))) {
        const part = cut(series, request.startMs, request.endMs);
        if (part !== undefined) yield part;
      }
    } finally {
      this.openReads--;
    }
  }
}

function cut(series: RawSeries, startMs: number, endMs: number): RawSeries | undefined {
  const { timestampsMs, values, isStale, histograms, startTimestampsMs } = series;
  let from = 0;
  let to = timestampsMs.length;
  while (from < to && timestampsMs[from]! < startMs) from++;
  while (to > from && timestampsMs[to - 1]! > endMs) to--;
  if (to === from) return undefined;
  if (from === 0 && to === timestampsMs.length) return series;
  return {
    labels: series.labels,
    timestampsMs: timestampsMs.subarray(from, to),
    values: values.subarray(from, to),
    isStale: isStale?.subarray(from, to),
    histograms: histograms?.slice(from, to),
    startTimestampsMs: startTimestampsMs?.subarray(from, to),
  };
}
