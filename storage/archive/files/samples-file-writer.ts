import type { Labels } from '../../model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import { assert } from '../../runtime/assert.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { SampleRun, type RunSource } from '../../shard/run/sample-run.ts';
import type { RowGroup } from '../parquet/parquet-footer.ts';
import { RowGroupWriter } from './row-group-writer.ts';
import { SAMPLES_SCHEMA } from './samples-schema.ts';
import { SeriesFileWriter, type SeriesFile } from './series-file-writer.ts';

export type SamplesFileLimits = Pick<typeof LIMITS, 'archiveRowGroupRowsMax' | 'archiveRowGroupSeriesMax' | 'archiveFileRowsMax' | 'archiveFileBytesTarget' | 'archiveDirectoryBytesTarget' | 'archiveRowGroupPayloadBytesTarget'>;

/**
 * Writes samples as one Parquet file (FORMAT.md): series in the order of `compareSeries`, each once, its samples in the order of time.
 * Same samples, same bytes.
 */
export class SamplesFileWriter {
  readonly #limits: SamplesFileLimits;
  readonly #file: SeriesFileWriter;
  readonly #group: RowGroupWriter;
  /** Of a row group that is full, or the last one. */
  #writing: Iterator<void, RowGroup> | undefined;

  /** `keyValues` go into the footer, beside the writer's own. `schema` is one of samples-schema.ts. */
  constructor(limits: SamplesFileLimits, keyValues: Readonly<Record<string, string>> = {}, schema = SAMPLES_SCHEMA) {
    this.#limits = limits;
    this.#file = new SeriesFileWriter(schema, keyValues);
    this.#group = new RowGroupWriter(this.#file.out);
  }

  get rowCount(): number {
    return this.#file.rowCount;
  }

  /** How many more rows go in before the row group is full. */
  get rowGroupRoom(): number {
    return this.#limits.archiveRowGroupRowsMax - this.#group.rowCount;
  }

  /** Whether a row group waits to be written: see `collect`. */
  get isBehind(): boolean {
    return this.#writing !== undefined;
  }

  /** How many more rows go in; 0 when it is time to finish. Nobody knows before what waits is written. */
  get room(): number {
    assert(this.#writing === undefined, 'a row group that waits to be written');
    const { archiveFileBytesTarget, archiveDirectoryBytesTarget, archiveFileRowsMax } = this.#limits;
    const isFull = this.#file.out.length + this.#group.payloadBytes >= archiveFileBytesTarget || this.#file.directoryBytes >= archiveDirectoryBytesTarget;
    return isFull ? 0 : archiveFileRowsMax - this.rowCount;
  }

  /**
   * Adds a series' samples `from` to `to`: at least one, at most as many as there is room for. `id` is copied by the next full row group. A
   * series may be added in several pieces, one behind the other, with the same `labels`.
   */
  add(labels: Labels, id: Uint8Array, source: RunSource, from: number, to: number): void {
    this.collect(labels, id, source, from, to);
    this.#writeAll();
  }

  /** As `add`, but where the series fills a row group, that waits until `writeSome` has written it: nothing is added before. */
  collect(labels: Labels, id: Uint8Array, source: RunSource, from: number, to: number): void {
    assert(this.#writing === undefined, 'a row group that waits to be written');
    assert(to > from && to - from <= this.#limits.archiveFileRowsMax - this.rowCount, `${to - from} rows where ${this.#limits.archiveFileRowsMax - this.rowCount} go in`);
    const { archiveRowGroupRowsMax, archiveRowGroupSeriesMax, archiveRowGroupPayloadBytesTarget } = this.#limits;
    for (let start = from; start < to; ) {
      const end = Math.min(to, start + archiveRowGroupRowsMax - this.#group.rowCount);
      this.#group.add(labels, id, source, start, end);
      start = end;
      const { rowCount, seriesCount, payloadBytes } = this.#group;
      if (rowCount < archiveRowGroupRowsMax && seriesCount < archiveRowGroupSeriesMax && payloadBytes < archiveRowGroupPayloadBytesTarget) continue;
      this.#writeAll();
      this.#writing = this.#group.writeInTurns();
    }
    this.#note(labels, source, from, to);
  }

  /** Adds stretches of a series' samples, by rising time, as one; nothing when there are none. */
  addStretches(labels: Labels, id: Uint8Array, source: RunSource, stretches: readonly { readonly from: number; readonly to: number }[]): void {
    if (stretches.length === 0) return;
    if (stretches.length === 1) {
      this.add(labels, id, source, stretches[0]!.from, stretches[0]!.to);
      return;
    }
    const run = new SampleRun();
    for (const { from, to } of stretches) run.append(source, from, to);
    this.add(labels, id, run, 0, run.length);
  }

  #note(labels: Labels, { timestampsMs, bits, payloads, startsMs }: RunSource, from: number, to: number): void {
    let hasHistograms = false;
    for (let i = from; payloads.length > 0 && i < to && !hasHistograms; i++) hasHistograms = bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH;
    let hasStarts = false;
    for (let i = from; startsMs !== undefined && i < to && !hasStarts; i++) hasStarts = startsMs[i] !== 0;
    this.#file.noteSeries({ labels, rowCount: to - from, minTimeMs: timestampsMs[from]!, maxTimeMs: timestampsMs[to - 1]!, hasStarts, hasHistograms });
  }

  /** Writes one column of a row group that waits; whether there is more of it. */
  writeSome(): boolean {
    if (this.#writing === undefined) return false;
    const { done, value } = this.#writing.next();
    if (done !== true) return true;
    this.#file.noteGroup(value);
    this.#writing = undefined;
    return false;
  }

  #writeAll(): void {
    while (this.writeSome());
  }

  /** Nothing more is added: the last row group waits to be written, if it has rows. */
  end(): void {
    this.#writeAll();
    if (this.#group.rowCount > 0) this.#writing = this.#group.writeInTurns();
  }

  /** The file; it must have rows. The writer is not used again. */
  finish(): SeriesFile {
    this.end();
    this.#writeAll();
    return this.#file.finish();
  }
}
