import type { ColumnWriter } from '../../chunk/index.ts';
import { METRIC_NAME, type Labels } from '../../model/labels.ts';
import { SampleRun, type RunSource } from '../../shard/run/sample-run.ts';
import { ColumnChunkWriter } from '../parquet/column-chunk-writer.ts';
import type { RowGroup } from '../parquet/parquet-footer.ts';
import { writeHistograms, writeStartTimestamps, writeTimestamps, writeValues } from './sample-columns.ts';
import { writeLabels, writeMetrics, writeSeriesIds, type SeriesRows } from './series-columns.ts';

/** Collects series, in order, and writes their rows as one row group. */
export class RowGroupWriter {
  #run = new SampleRun();
  /** Taken up again when the next row group begins. */
  #spare: SampleRun | undefined;
  readonly #chunk: ColumnChunkWriter;
  #series: SeriesRows[] = [];
  /** Of the last series: the same object is that series again. */
  #lastLabels: Labels | undefined;
  #payloadBytes = 0;

  /** `out` is the file from its first byte. */
  constructor(out: ColumnWriter) {
    this.#chunk = new ColumnChunkWriter(out);
  }

  get rowCount(): number {
    return this.#run.length;
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  /** Bytes of histograms. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  add(labels: Labels, id: Uint8Array, source: RunSource, from: number, to: number): void {
    const run = this.#run;
    const before = run.payloads.length;
    run.append(source, from, to);
    for (let i = before; i < run.payloads.length; i++) this.#payloadBytes += run.payloads[i]!.length;
    const last = this.#series.at(-1);
    if (last !== undefined && this.#lastLabels === labels) this.#series[this.#series.length - 1] = { ...last, rowCount: last.rowCount + to - from };
    else this.#series.push({ ...splitMetric(labels), id, rowCount: to - from });
    this.#lastLabels = labels;
  }

  /** Writes what was collected, at least one row, and begins anew. */
  write(): RowGroup {
    const writing = this.writeInTurns();
    for (;;) {
      const { done, value } = writing.next();
      if (done === true) return value;
    }
  }

  /** The same in as many turns as there are columns. What is added meanwhile is of the next row group, which must not be written before this one is. */
  writeInTurns(): Iterator<void, RowGroup> {
    const run = this.#run;
    const series = this.#series;
    this.#run = this.#spare ?? new SampleRun();
    this.#spare = undefined;
    this.#series = [];
    this.#payloadBytes = 0;
    return this.#columns(run, series);
  }

  *#columns(run: SampleRun, series: readonly SeriesRows[]): Generator<void, RowGroup> {
    const chunk = this.#chunk;
    const metrics = writeMetrics(series, chunk);
    yield;
    const labels = writeLabels(series, chunk);
    yield;
    const ids = writeSeriesIds(series, chunk);
    yield;
    const timestamps = writeTimestamps(run, chunk);
    yield;
    const values = writeValues(run, chunk);
    yield;
    const histograms = writeHistograms(run, chunk);
    const starts = writeStartTimestamps(run, chunk);
    const rowCount = run.length;
    run.clear();
    this.#spare = run;
    return { rowCount, columns: [metrics, ...labels, ids, timestamps, values, histograms, starts] };
  }
}

/** The metric's name, and the labels without it. */
export function splitMetric(labels: Labels): { metric: string; labels: Labels } {
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] === METRIC_NAME) return { metric: labels[i + 1]!, labels: [...labels.slice(0, i), ...labels.slice(i + 2)] };
  }
  return { metric: '', labels };
}
