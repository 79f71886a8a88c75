import { splitMetric } from '../archive/files/row-group-writer.ts';
import { writeTimestamps, writeValues } from '../archive/files/sample-columns.ts';
import { writeLabels, writeMetrics, writeSeriesIds, type SeriesRows } from '../archive/files/series-columns.ts';
import { SeriesFileWriter, type SeriesFile } from '../archive/files/series-file-writer.ts';
import { ColumnChunkWriter } from '../archive/parquet/column-chunk-writer.ts';
import type { RowGroup } from '../archive/parquet/parquet-footer.ts';
import type { Labels } from '../model/labels.ts';
import { assert } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { writeLongs, writeOptionalBytes, writeOptionalTimestamps } from './bucket-column-writers.ts';
import { BucketColumns } from './bucket-columns.ts';
import { ROLLUP_SCHEMA } from './rollup-schema.ts';

export type RollupFileLimits = Pick<typeof LIMITS, 'rollupRowGroupRowsMax' | 'archiveFileRowsMax' | 'archiveFileBytesTarget' | 'archiveDirectoryBytesTarget' | 'archiveRowGroupPayloadBytesTarget'>;

/**
 * Writes buckets as one Parquet file (FORMAT.md): series in the order of `compareSeries`, each once, its buckets in the order of time.
 * Same buckets, same bytes.
 */
export class RollupFileWriter {
  readonly #limits: RollupFileLimits;
  readonly #file: SeriesFileWriter;
  readonly #chunk: ColumnChunkWriter;
  readonly #rows = new BucketColumns();
  #series: SeriesRows[] = [];

  /** `keyValues` go into the footer, beside the writer's own. */
  constructor(limits: RollupFileLimits, keyValues: Readonly<Record<string, string>> = {}) {
    this.#limits = limits;
    this.#file = new SeriesFileWriter(ROLLUP_SCHEMA, keyValues);
    this.#chunk = new ColumnChunkWriter(this.#file.out);
  }

  get rowCount(): number {
    return this.#file.rowCount;
  }

  /** How many more rows go in; 0 when it is time to finish. */
  get room(): number {
    const { archiveFileBytesTarget, archiveDirectoryBytesTarget, archiveFileRowsMax } = this.#limits;
    const isFull = this.#file.out.length + this.#rows.sketchBytes >= archiveFileBytesTarget || this.#file.directoryBytes >= archiveDirectoryBytesTarget;
    return isFull ? 0 : Math.max(0, archiveFileRowsMax - this.rowCount);
  }

  /** Adds all buckets of a series, at least one: a series is not cut. */
  add(labels: Labels, id: Uint8Array, buckets: BucketColumns): void {
    const { length } = buckets;
    assert(length > 0, 'a series without buckets');
    const { rollupRowGroupRowsMax, archiveRowGroupPayloadBytesTarget } = this.#limits;
    for (let start = 0; start < length; ) {
      const end = Math.min(length, start + rollupRowGroupRowsMax - this.#rows.length);
      this.#rows.append(buckets, start, end);
      this.#series.push({ ...splitMetric(labels), id, rowCount: end - start });
      start = end;
      if (this.#rows.length >= rollupRowGroupRowsMax || this.#rows.sketchBytes >= archiveRowGroupPayloadBytesTarget) this.#writeGroup();
    }
    let hasHistograms = false;
    for (let row = 0; row < length && !hasHistograms; row++) hasHistograms = buckets.histogramCount[row]! > 0;
    this.#file.noteSeries({ labels, rowCount: length, minTimeMs: buckets.startMs[0]!, maxTimeMs: buckets.startMs[length - 1]!, hasStarts: false, hasHistograms });
  }

  /** The file; it must have rows. The writer is not used again. */
  finish(): SeriesFile {
    if (this.#rows.length > 0) this.#writeGroup();
    return this.#file.finish();
  }

  /** In the order of `ROLLUP_SCHEMA`. */
  #writeGroup(): void {
    const chunk = this.#chunk;
    const rows = this.#rows;
    const { length, numbers } = rows;
    const number = (name: keyof typeof numbers) => writeValues({ ...numbers[name], length }, chunk);
    const columns: RowGroup['columns'] = [
      writeMetrics(this.#series, chunk),
      ...writeLabels(this.#series, chunk),
      writeSeriesIds(this.#series, chunk),
      writeTimestamps({ timestampsMs: rows.startMs, length }, chunk),
      writeLongs(rows.count, length, chunk),
      number('sum'),
      number('min'),
      number('max'),
      number('first'),
      writeOptionalTimestamps(rows.firstMs, length, chunk),
      number('last'),
      writeOptionalTimestamps(rows.lastMs, length, chunk),
      number('increase'),
      number('p50'),
      number('p99'),
      writeOptionalBytes(rows.sketches, chunk),
      writeLongs(rows.staleCount, length, chunk),
      writeLongs(rows.histogramCount, length, chunk),
    ];
    this.#file.noteGroup({ rowCount: length, columns });
    rows.clear();
    this.#series = [];
  }
}
