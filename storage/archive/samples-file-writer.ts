import type { ColumnStatistics } from '../catalog/data-file.ts';
import { ColumnWriter } from '../chunk/index.ts';
import { labelValue, METRIC_NAME, type Labels } from '../model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import { assert } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { RunSource } from '../shard/sample-run.ts';
import { PARQUET_MAGIC, writeFooter, type Bounds } from './parquet-footer.ts';
import { RowGroupWriter, type WrittenRowGroup } from './row-group-writer.ts';
import { LEAVES } from './samples-schema.ts';
import { SeriesDirectoryWriter } from './series-directory.ts';

export type SamplesFileLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'archiveRowGroupRowsMax' | 'archiveFileRowsMax' | 'archiveFileBytesTarget' | 'archiveRowGroupPayloadBytesTarget'>, number>>;

/** Key of the footer's key-value metadata that says where the series directory is: `offset,bytes`. */
export const DIRECTORY_KEY = 'varve.series_directory';

/** A finished file of samples, and what a catalog must know of it. */
export interface SamplesFile {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  readonly seriesCount: number;
  /** Unix milliseconds, both inclusive. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly firstMetric: string;
  readonly lastMetric: string;
  /** Series directory, page indexes and footer: what a reader fetches first, from the end. */
  readonly tailBytes: number;
  readonly columns: readonly ColumnStatistics[];
}

/**
 * Writes samples as one Parquet file (FORMAT.md): series in the order of `compareSeries`, each once, its samples in the order of time.
 * Same samples, same bytes.
 */
export class SamplesFileWriter {
  readonly #limits: SamplesFileLimits;
  readonly #keyValues: Readonly<Record<string, string>>;
  readonly #out = new ColumnWriter(256 * 1024);
  readonly #group: RowGroupWriter;
  readonly #directory = new SeriesDirectoryWriter();
  readonly #groups: WrittenRowGroup[] = [];
  #rowCount = 0;
  #firstMetric: string | undefined;
  #lastMetric = '';
  #minTimeMs = Infinity;
  #maxTimeMs = -Infinity;

  /** `keyValues` go into the footer, beside the writer's own. */
  constructor(limits: SamplesFileLimits, keyValues: Readonly<Record<string, string>> = {}) {
    this.#limits = limits;
    this.#keyValues = keyValues;
    this.#out.uint32(PARQUET_MAGIC);
    this.#group = new RowGroupWriter(this.#out);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** How many more rows go in; 0 when it is time to finish. */
  get room(): number {
    return this.#out.length + this.#group.payloadBytes >= this.#limits.archiveFileBytesTarget ? 0 : this.#limits.archiveFileRowsMax - this.#rowCount;
  }

  /** Adds a series' samples `from` to `to`: at least one, at most as many as there is room for. `id` is copied by the next full row group. */
  add(labels: Labels, id: Uint8Array, source: RunSource, from: number, to: number): void {
    assert(to > from && to - from <= this.#limits.archiveFileRowsMax - this.#rowCount, `${to - from} rows where ${this.#limits.archiveFileRowsMax - this.#rowCount} go in`);
    const { archiveRowGroupRowsMax, archiveRowGroupPayloadBytesTarget } = this.#limits;
    for (let start = from; start < to; ) {
      const end = Math.min(to, start + archiveRowGroupRowsMax - this.#group.rowCount);
      this.#group.add(labels, id, source, start, end);
      start = end;
      if (this.#group.rowCount >= archiveRowGroupRowsMax || this.#group.payloadBytes >= archiveRowGroupPayloadBytesTarget) this.#groups.push(this.#group.write());
    }
    this.#note(labels, source, from, to);
  }

  #note(labels: Labels, { timestampsMs, bits, payloads, startsMs }: RunSource, from: number, to: number): void {
    const minTimeMs = timestampsMs[from]!;
    const maxTimeMs = timestampsMs[to - 1]!;
    let hasHistograms = false;
    for (let i = from; payloads.length > 0 && i < to && !hasHistograms; i++) hasHistograms = bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH;
    let hasStarts = false;
    for (let i = from; startsMs !== undefined && i < to && !hasStarts; i++) hasStarts = startsMs[i] !== 0;
    this.#directory.add({ labels, rowCount: to - from, minTimeMs, maxTimeMs, hasStarts, hasHistograms });
    this.#rowCount += to - from;
    this.#minTimeMs = Math.min(this.#minTimeMs, minTimeMs);
    this.#maxTimeMs = Math.max(this.#maxTimeMs, maxTimeMs);
    this.#lastMetric = labelValue(labels, METRIC_NAME);
    this.#firstMetric ??= this.#lastMetric;
  }

  /** The file; it must have rows. The writer is not used again. */
  finish(): SamplesFile {
    assert(this.#rowCount > 0, 'a file without rows');
    if (this.#group.rowCount > 0) this.#groups.push(this.#group.write());
    const out = this.#out;
    const directory = this.#directory.finish();
    const directoryAt = out.length;
    out.append(directory);
    writeFooter(out, out.length, this.#groups, { ...this.#keyValues, [DIRECTORY_KEY]: `${directoryAt},${directory.length}` });
    return {
      bytes: out.written(),
      rowCount: this.#rowCount,
      seriesCount: this.#directory.seriesCount,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
      firstMetric: this.#firstMetric ?? '',
      lastMetric: this.#lastMetric,
      tailBytes: out.length - directoryAt,
      columns: LEAVES.map(({ path, fieldId }, column) => this.#statistics(fieldId, column, path[0] === 'value')),
    };
  }

  #statistics(fieldId: number, column: number, isValue: boolean): ColumnStatistics {
    const chunks = this.#groups.map(({ columns }) => columns[column]!);
    const sum = (of: (chunk: (typeof chunks)[number]) => number): number => chunks.reduce((total, chunk) => total + of(chunk), 0);
    const bounds = chunks.flatMap((chunk) => (chunk.bounds === undefined ? [] : [chunk.bounds]));
    return {
      fieldId,
      bytes: sum((chunk) => chunk.bytes),
      valueCount: sum((chunk) => chunk.valueCount),
      nullCount: sum((chunk) => chunk.nullCount),
      nanCount: isValue ? this.#groups.reduce((total, { nanCount }) => total + nanCount, 0) : undefined,
      bounds: bounds.length === 0 ? undefined : mergeBounds(bounds, LEAVES[column]!.type),
    };
  }
}

const DOUBLE = 5;
const INT64 = 2;

function mergeBounds(bounds: readonly Bounds[], type: number): Bounds {
  const order = type === DOUBLE ? compareDoubles : type === INT64 ? compareInt64s : compareBytes;
  return bounds.reduce((all, next) => ({
    lower: order(next.lower, all.lower) < 0 ? next.lower : all.lower,
    upper: order(next.upper, all.upper) > 0 ? next.upper : all.upper,
  }));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function compareDoubles(a: Uint8Array, b: Uint8Array): number {
  return viewOf(a).getFloat64(0, true) - viewOf(b).getFloat64(0, true) || 0;
}

function compareInt64s(a: Uint8Array, b: Uint8Array): number {
  const difference = viewOf(a).getBigInt64(0, true) - viewOf(b).getBigInt64(0, true);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
