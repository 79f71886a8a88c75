import type { Labels } from '../../model/labels.ts';
import { assert } from '../../runtime/assert.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Exemplar } from '../../shard/select/select-exemplars.ts';
import { ColumnChunkWriter } from '../parquet/column-chunk-writer.ts';
import { writePlainMaps } from '../parquet/map-columns.ts';
import { EXEMPLARS_SCHEMA } from './exemplars-schema.ts';
import { splitMetric } from './row-group-writer.ts';
import { writeTimestamps, writeValues } from './sample-columns.ts';
import { writeLabels, writeMetrics, writeSeriesIds, type SeriesRows } from './series-columns.ts';
import { SeriesFileWriter, type SeriesFile } from './series-file-writer.ts';

export type ExemplarsFileLimits = Pick<typeof LIMITS, 'archiveExemplarsPerFileMax'>;

/**
 * Writes exemplars as one Parquet file of one row group (FORMAT.md), all of which is in memory until the end: series in the order of
 * `compareSeries`, each once, its exemplars in the order of time. Same exemplars, same bytes.
 */
export class ExemplarsFileWriter {
  readonly #limits: ExemplarsFileLimits;
  readonly #file: SeriesFileWriter;
  readonly #series: SeriesRows[] = [];
  readonly #exemplars: Exemplar[] = [];

  /** `keyValues` go into the footer, beside the writer's own. */
  constructor(limits: ExemplarsFileLimits, keyValues: Readonly<Record<string, string>> = {}) {
    this.#limits = limits;
    this.#file = new SeriesFileWriter(EXEMPLARS_SCHEMA, keyValues);
  }

  get rowCount(): number {
    return this.#exemplars.length;
  }

  /** How many more rows go in; 0 when it is time to finish. */
  get room(): number {
    return this.#limits.archiveExemplarsPerFileMax - this.rowCount;
  }

  /** Adds a series' exemplars `from` to `to`: at least one, at most as many as there is room for. */
  add(labels: Labels, id: Uint8Array, exemplars: readonly Exemplar[], from = 0, to = exemplars.length): void {
    assert(to > from && to - from <= this.room, `${to - from} exemplars where ${this.room} go in`);
    const rowCount = to - from;
    this.#series.push({ ...splitMetric(labels), id, rowCount });
    for (let i = from; i < to; i++) this.#exemplars.push(exemplars[i]!);
    this.#file.noteSeries({ labels, rowCount, minTimeMs: exemplars[from]!.timestampMs, maxTimeMs: exemplars[to - 1]!.timestampMs, hasStarts: false, hasHistograms: false });
  }

  /** The file; it must have rows. The writer is not used again. */
  finish(): SeriesFile {
    const exemplars = this.#exemplars;
    const { length } = exemplars;
    const values = Float64Array.from(exemplars, ({ value }) => value);
    const chunk = new ColumnChunkWriter(this.#file.out);
    const columns = [
      writeMetrics(this.#series, chunk),
      ...writeLabels(this.#series, chunk),
      writeSeriesIds(this.#series, chunk),
      writeTimestamps({ timestampsMs: Float64Array.from(exemplars, ({ timestampMs }) => timestampMs), length }, chunk),
      writeValues({ values, bits: new Uint32Array(values.buffer), length }, chunk),
      ...writePlainMaps(
        exemplars.map(({ labels }) => labels),
        chunk,
      ),
    ];
    this.#file.noteGroup({ rowCount: length, columns });
    return this.#file.finish();
  }
}
