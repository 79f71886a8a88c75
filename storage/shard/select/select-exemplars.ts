import { compareLabels, labelsKey, type Labels } from '../../model/labels.ts';
import type { StoredExemplar } from '../exemplars.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import { NO_REF } from '../index/series-table.ts';
import type { SeriesTable } from '../index/series-table.ts';

/** An exemplar as a query answers it. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timestampMs: number;
}

export interface SeriesExemplars {
  readonly labels: Labels;
  /** Oldest first, each once. */
  readonly exemplars: readonly Exemplar[];
}

interface SelectSources {
  readonly stored: Iterable<StoredExemplar>;
  readonly table: SeriesTable;
  readonly index: SeriesIndex;
}

interface Wanted {
  /** `undefined`: of all series. */
  readonly refs: ReadonlySet<number> | undefined;
  /** Unix ms, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  readonly exemplarsMax: number;
}

/** Exemplars by series in label order; `undefined` when there are more than `exemplarsMax`. */
export function selectExemplars({ stored, table, index }: SelectSources, { refs, startMs, endMs, exemplarsMax }: Wanted): SeriesExemplars[] | undefined {
  let count = 0;
  const found = new Map<number, Map<string, Exemplar>>();
  for (const { idLow, idHigh, idCheck, timestampMs, bitsLow, bitsHigh, labels } of stored) {
    if (timestampMs < startMs || timestampMs > endMs) continue;
    const ref = table.find(idLow, idHigh, idCheck);
    // A series that has gone has taken its labels with it.
    if (ref <= NO_REF || refs?.has(ref) === false) continue;
    let ofSeries = found.get(ref);
    if (ofSeries === undefined) found.set(ref, (ofSeries = new Map()));
    const value = new Float64Array(Uint32Array.of(bitsLow, bitsHigh).buffer)[0]!;
    const before = ofSeries.size;
    ofSeries.set(`${timestampMs}:${bitsLow}:${bitsHigh}:${labelsKey(labels)}`, { labels, value, timestampMs });
    count += ofSeries.size - before;
    if (count > exemplarsMax) return undefined;
  }
  return [...found]
    .map(([ref, exemplars]) => ({ labels: index.labelsOf(ref), exemplars: [...exemplars.values()].sort((a, b) => a.timestampMs - b.timestampMs) }))
    .sort((a, b) => compareLabels(a.labels, b.labels));
}

/** Exemplars of several places together: each series once, and each of its exemplars once, oldest first. In the order of the series' first place. */
export function mergeExemplars(all: readonly SeriesExemplars[]): SeriesExemplars[] {
  const bySeries = new Map<string, { readonly labels: Labels; readonly exemplars: Map<string, Exemplar> }>();
  for (const { labels, exemplars } of all) {
    const key = labelsKey(labels);
    let series = bySeries.get(key);
    if (series === undefined) bySeries.set(key, (series = { labels, exemplars: new Map() }));
    for (const exemplar of exemplars) {
      const value = Object.is(exemplar.value, -0) ? '-0' : String(exemplar.value);
      series.exemplars.set(`${exemplar.timestampMs}:${value}:${labelsKey(exemplar.labels)}`, exemplar);
    }
  }
  return Array.from(bySeries.values(), ({ labels, exemplars }) => ({ labels, exemplars: [...exemplars.values()].sort((a, b) => a.timestampMs - b.timestampMs) }));
}
