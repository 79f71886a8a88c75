import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { compareStrings, labelValue, METRIC_NAME, type Labels } from '../../model/labels.ts';
import { compareSeries } from '../../shard/select/read-window.ts';
import type { SeriesEntry } from '../files/series-directory.ts';
import type { MergeReader } from './merge-codec.ts';
import type { MergeCursor } from './merge-plan.ts';

/** Where rows of a series are. */
export interface SeriesPlace<Rows> {
  readonly reader: MergeReader<Rows>;
  readonly entry: SeriesEntry;
}

/** A series of several runs, with all places that have rows of it, by rising rank. */
export interface MergedSeries<Rows> {
  readonly labels: Labels;
  readonly places: readonly SeriesPlace<Rows>[];
  /** In all its places. */
  readonly rowCount: number;
  /** For each run the file with which the series begins: see MergeCursor. */
  readonly filePlaces: readonly number[];
}

type OpenFile<Rows> = (file: DataFile) => Promise<MergeReader<Rows>>;

/** The series of a run, one after another, with one file open at a time. */
class RunCursor<Rows> {
  readonly #files: readonly DataFile[];
  readonly #open: OpenFile<Rows>;
  #reader: MergeReader<Rows> | undefined;
  #entries: Iterator<SeriesEntry> | undefined;
  #place: number;
  /** The series that it stands at; `undefined` behind the last. */
  head: SeriesPlace<Rows> | undefined;

  constructor(files: readonly DataFile[], open: OpenFile<Rows>, place: number) {
    this.#files = files;
    this.#open = open;
    this.#place = place;
  }

  /** Position of the file of the head. */
  get place(): number {
    return this.#place;
  }

  async advance(): Promise<void> {
    for (;;) {
      if (this.#entries === undefined) {
        const file = this.#files[this.#place];
        this.head = undefined;
        if (file === undefined) return;
        this.#reader = await this.#open(file);
        this.#entries = this.#reader.series()[Symbol.iterator]();
      }
      const next = this.#entries.next();
      if (next.done !== true) {
        this.head = { reader: this.#reader!, entry: next.value };
        return;
      }
      this.#entries = undefined;
      this.#place++;
    }
  }

  /** To the first series that does not come before one. Files of metrics that come before its metric are not opened. */
  async seek(labels: Labels): Promise<void> {
    const metric = labelValue(labels, METRIC_NAME);
    while (this.#place < this.#files.length && compareStrings(this.#files[this.#place]!.lastMetric, metric) < 0) this.#place++;
    do await this.advance();
    while (this.head !== undefined && compareSeries(this.head.entry.labels, labels) < 0);
  }
}

/**
 * The series of some runs as one sorted list, from a cursor on. Only directories of files are read here, of one file a run at a time,
 * however many there are.
 */
export async function* mergeSeries<Rows>(runs: readonly (readonly DataFile[])[], open: OpenFile<Rows>, from: MergeCursor | undefined): AsyncGenerator<MergedSeries<Rows>> {
  const cursors = runs.map((files, i) => new RunCursor(files, open, from?.places[i] ?? 0));
  for (const cursor of cursors) await (from === undefined ? cursor.advance() : cursor.seek(from.labels));
  for (;;) {
    let labels: Labels | undefined;
    for (const { head } of cursors) if (head !== undefined && (labels === undefined || compareSeries(head.entry.labels, labels) < 0)) labels = head.entry.labels;
    if (labels === undefined) return;
    const filePlaces = cursors.map(({ place }) => place);
    const places: SeriesPlace<Rows>[] = [];
    let rowCount = 0;
    for (const cursor of cursors) {
      // A series may be cut between two files of a run.
      while (cursor.head !== undefined && compareSeries(cursor.head.entry.labels, labels) === 0) {
        const { reader, entry } = cursor.head;
        // Many are gathered before they are read: with the labels of one, not of each file.
        places.push({ reader, entry: { ...entry, labels } });
        rowCount += entry.rowCount;
        await cursor.advance();
      }
    }
    yield { labels, places, rowCount, filePlaces };
  }
}
