import type { ColumnWriter } from '../chunk/index.ts';
import { METRIC_NAME, type Labels } from '../model/labels.ts';
import { SampleRun, type RunSource } from '../shard/sample-run.ts';
import { ColumnChunkWriter } from './column-chunk-writer.ts';
import type { RowGroup } from './parquet-footer.ts';
import { writeHistograms, writeStartTimestamps, writeTimestamps, writeValues } from './sample-columns.ts';
import { writeLabels, writeMetrics, writeSeriesIds, type SeriesRows } from './series-columns.ts';

/** Collects series, in order, and writes their rows as one row group. */
export class RowGroupWriter {
  readonly #run = new SampleRun();
  readonly #chunk: ColumnChunkWriter;
  #series: SeriesRows[] = [];
  #payloadBytes = 0;

  /** `out` is the file from its first byte. */
  constructor(out: ColumnWriter) {
    this.#chunk = new ColumnChunkWriter(out);
  }

  get rowCount(): number {
    return this.#run.length;
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
    this.#series.push({ ...splitMetric(labels), id, rowCount: to - from });
  }

  /** Writes what was collected, at least one row, and begins anew. */
  write(): RowGroup {
    const run = this.#run;
    const chunk = this.#chunk;
    const series = this.#series;
    const metrics = writeMetrics(series, chunk);
    const labels = writeLabels(series, chunk);
    const ids = writeSeriesIds(series, chunk);
    const timestamps = writeTimestamps(run, chunk);
    const values = writeValues(run, chunk);
    const histograms = writeHistograms(run, chunk);
    const starts = writeStartTimestamps(run, chunk);
    const rowCount = run.length;
    run.clear();
    this.#series = [];
    this.#payloadBytes = 0;
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
