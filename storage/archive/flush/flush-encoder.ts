import type { ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { sameLabels, type Labels } from '../../model/labels.ts';
import { SeriesHasher } from '../../model/series-id.ts';
import { must } from '../../runtime/assert.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import type { HotStore } from '../../shard/hot-store.ts';
import { lowerBound, type Part } from '../../shard/run/piece.ts';
import type { WindowSeries } from '../../shard/select/read-window.ts';
import { ExemplarsFileWriter } from '../files/exemplars-file-writer.ts';
import { SamplesFileWriter } from '../files/samples-file-writer.ts';
import { POINTS_SCHEMA, SAMPLES_SCHEMA } from '../files/samples-schema.ts';
import type { SeriesFile } from '../files/series-file-writer.ts';
import { seriesIdBytes } from '../files/series-id-bytes.ts';
import type { FlushCursor, FlushPlan } from './flush-plan.ts';
import { lateSeriesByDay } from './late-series.ts';
import type { PlanProgress } from './plan-ledger.ts';

const SCHEMAS = { samples: SAMPLES_SCHEMA, points: POINTS_SCHEMA } as const;

/** Series read at a time: at first, when nobody knows how many samples they have, and at the most. */
const GROUP_SERIES_FIRST = 16;
const GROUP_SERIES_MAX = 1024;
/** A group has about this part of a row group. */
const GROUPS_PER_ROW_GROUP = 4;
/** Between two groups or columns: long enough for a write that comes in to be done with all its turns, and not to wait for one piece at each of them. */
const PAUSE_MS = 10;
/** Behind the last. */
const NO_FILE: EncodedFile = { table: 'samples', file: undefined, cursor: undefined, isLast: true };

export interface FlushEncoderOptions {
  readonly hot: HotStore;
  readonly clock: Clock;
  readonly limits: typeof LIMITS;
  /** The shard within its tenant: `epoch/number`. */
  readonly shard: string;
  /** Key of the tenant's series ids. */
  readonly seriesHashKey: () => Promise<Uint8Array>;
  /** Of samples; `samples` unless given. */
  readonly table?: 'samples' | 'points';
  /**
   * Gives the samples of a series the form that files have, those from `from` on, as many as `bytesMax` of payloads allow and at least one.
   * Same samples, same form.
   */
  readonly inFiles?: (part: Part, from: number, to: number, bytesMax: number) => Part;
}

/** What comes next of a flush. */
export interface EncodedFile {
  readonly table: ArchiveTableName;
  /** `undefined`: there is nothing left to write. */
  readonly file: SeriesFile | undefined;
  /** Where the next file begins. */
  readonly cursor: FlushCursor | undefined;
  readonly isLast: boolean;
  /** Exemplars of the window for which there was no room; none unless given. */
  readonly exemplarsLeftOut?: number;
}

/** Makes the files of a flush out of the hot store, one after another: the same plan, and the same samples, make the same files. */
export class FlushEncoder {
  readonly #options: FlushEncoderOptions;
  #hasher: SeriesHasher | undefined;
  /** Series read at a time. */
  #groupSeries = GROUP_SERIES_FIRST;
  /** The files of late batches that are being made, the one at a position among them; with what they are made of, some 24 bytes a sample. */
  #late: { readonly plan: string; position: number; readonly files: Iterator<EncodedFile, undefined>; file: EncodedFile } | undefined;

  constructor(options: FlushEncoderOptions) {
    this.#options = options;
  }

  /** The file behind those that are written. Throws PortFailure where the key of series ids is not to be had. */
  async encodeNext(plan: FlushPlan, progress: PlanProgress<FlushCursor>): Promise<EncodedFile> {
    this.#hasher ??= new SeriesHasher(await port(this.#options.seriesHashKey));
    const { work } = plan;
    return work.kind === 'window' ? this.#encodeNextOfWindow(plan, work.startMs, work.endMs, progress) : this.#encodeLate(plan, work.sequences, progress.position);
  }

  /** Lets late batches go that were read. */
  forgetLate(): void {
    this.#late = undefined;
  }

  /** Of a window: its samples, in as many files as it takes, then its exemplars. */
  async #encodeNextOfWindow(plan: FlushPlan, startMs: number, endMs: number, { position, cursor }: PlanProgress<FlushCursor>): Promise<EncodedFile> {
    if (position === 0 || cursor !== undefined) {
      const samples = await this.#encodeWindow(plan, startMs, endMs, cursor);
      if (samples.file !== undefined) return samples;
    }
    return this.#encodeExemplars(plan, startMs, endMs);
  }

  #encodeExemplars(plan: FlushPlan, startMs: number, endMs: number): EncodedFile {
    const { hot, limits } = this.#options;
    const { series, leftOut } = hot.archive.readExemplars(startMs, endMs, limits.archiveExemplarsPerFileMax);
    hot.confirmCurrent();
    const writer = new ExemplarsFileWriter(limits, this.#keyValues(plan));
    for (const { labels, exemplars } of series) writer.add(labels, this.#idOf(labels), exemplars);
    return { table: 'exemplars', file: writer.rowCount === 0 ? undefined : writer.finish(), cursor: undefined, isLast: true, exemplarsLeftOut: leftOut };
  }

  /** The next file of a window. Read a group of series at a time and written column by column, others having their turn in between. */
  async #encodeWindow(plan: FlushPlan, startMs: number, endMs: number, from: FlushCursor | undefined): Promise<EncodedFile> {
    const { hot, clock, limits } = this.#options;
    const writer = this.#writer(plan);
    let cursor = from;
    let isOver = startMs >= endMs;
    while (!isOver && writer.room > 0) {
      const { series, next } = hot.archive.readGroup({ startMs, endMs, from: cursor?.labels, seriesMax: this.#groupSeries });
      const rowsBefore = writer.rowCount;
      const full = this.#addGroup(writer, series, cursor);
      hot.confirmCurrent();
      cursor = full ?? (next && { labels: next });
      isOver = cursor === undefined;
      // Of a group that was not taken whole, those before its place count.
      const taken = full === undefined ? this.#groupSeries : 1 + series.findIndex(({ labels }) => sameLabels(labels, full.labels));
      const rowsEach = (writer.rowCount - rowsBefore) / taken;
      await this.#writeInTurns(writer);
      const wantedRows = Math.min(limits.archiveRowGroupRowsMax / GROUPS_PER_ROW_GROUP, writer.rowGroupRoom);
      this.#groupSeries = Math.max(1, Math.min(GROUP_SERIES_MAX, Math.ceil(wantedRows / Math.max(rowsEach, 1))));
      if (!isOver && writer.room > 0) await clock.sleep(PAUSE_MS);
    }
    writer.end();
    await this.#writeInTurns(writer);
    return { table: this.table, file: writer.rowCount === 0 ? undefined : writer.finish(), cursor, isLast: false };
  }

  /** What is read of the hot store is in the writer by now: what others do meanwhile changes nothing. */
  async #writeInTurns(writer: SamplesFileWriter): Promise<void> {
    while (writer.writeSome()) await this.#options.clock.sleep(PAUSE_MS);
  }

  /** Adds series, the first of which may be in the file before up to the cursor; answers with where to go on when a row group or the file is full. */
  #addGroup(writer: SamplesFileWriter, series: readonly WindowSeries[], cursor: FlushCursor | undefined): FlushCursor | undefined {
    for (const { labels, part } of series) {
      const from = cursor === undefined || !sameLabels(labels, cursor.labels) ? part.from : placeBehind(part, cursor);
      if (from >= part.to) continue;
      if (writer.isBehind) return { labels };
      const { room } = writer;
      if (room === 0) return { labels };
      const wanted = Math.min(part.to, from + room);
      const own = this.#inFiles(part, from, wanted);
      writer.collect(labels, this.#idOf(labels), own, own.from, own.to);
      const to = from + own.to - own.from;
      if (to < part.to) return { labels, takenThroughMs: part.timestampsMs[to - 1]! };
    }
    return undefined;
  }

  /** As much of a stretch as goes into a row group, in the form that files have. */
  #inFiles(part: Part, from: number, to: number): Part {
    const { limits, inFiles } = this.#options;
    return inFiles === undefined ? { ...part, from, to } : inFiles(part, from, to, limits.archiveRowGroupPayloadBytesTarget);
  }

  /** The file at a position among those of late batches. They are the same each time that they are made, one after the other from the first. */
  #encodeLate(plan: FlushPlan, sequences: readonly number[], position: number): EncodedFile {
    if (this.#late?.plan !== plan.id || this.#late.position > position) this.#late = { plan: plan.id, position: -1, files: this.#lateFiles(plan, sequences), file: NO_FILE };
    const late = this.#late;
    for (; late.position < position; late.position++) late.file = late.files.next().value ?? NO_FILE;
    return late.file;
  }

  *#lateFiles(plan: FlushPlan, sequences: readonly number[]): Generator<EncodedFile, undefined> {
    const { hot } = this.#options;
    const days = lateSeriesByDay(hot.late, sequences);
    for (const series of days) {
      let writer = this.#writer(plan);
      for (const { labels, run } of series) {
        for (let from = 0; from < run.length; ) {
          if (writer.room === 0) {
            yield { table: this.table, file: writer.finish(), cursor: undefined, isLast: false };
            writer = this.#writer(plan);
          }
          const own = this.#inFiles({ ...run, from, to: run.length, hasStale: true }, from, Math.min(run.length, from + writer.room));
          writer.add(labels, this.#idOf(labels), own, own.from, own.to);
          from += own.to - own.from;
        }
      }
      yield { table: this.table, file: writer.finish(), cursor: undefined, isLast: series === days.at(-1) };
    }
  }

  #idOf(labels: Labels): Uint8Array {
    return seriesIdBytes(must(this.#hasher, 'a hasher'), labels);
  }

  #writer(plan: FlushPlan): SamplesFileWriter {
    return new SamplesFileWriter(this.#options.limits, this.#keyValues(plan), SCHEMAS[this.table]);
  }

  #keyValues(plan: FlushPlan): Record<string, string> {
    return { 'varve.shard': this.#options.shard, 'varve.flush': String(plan.flush) };
  }

  /** The table of its samples. */
  get table(): 'samples' | 'points' {
    return this.#options.table ?? 'samples';
  }
}

/** Position of the first sample of a part that is not taken. */
function placeBehind(part: Part, { takenThroughMs, samplesTaken = 0 }: FlushCursor): number {
  return takenThroughMs === undefined ? part.from + samplesTaken : Math.max(part.from, lowerBound(part.timestampsMs, takenThroughMs + 1, part.to));
}
