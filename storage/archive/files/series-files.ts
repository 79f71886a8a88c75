import type { ArchivedFile } from '../../catalog/archive-api.ts';
import { partitionDay, type ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../../catalog/iceberg/table-definitions.ts';
import { compareLabels, labelsKey, type Labels } from '../../model/labels.ts';
import type { Matcher } from '../../model/matcher.ts';
import type { ObjectStore } from '../../object-store.ts';
import { VarveError } from '../../runtime/errors.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { LruCache } from '../../runtime/lru-cache.ts';
import { SelectionWork } from '../../shard/select/selection-work.ts';
import { PartNames, SeriesTest, tooMuch } from '../archive-reading.ts';
import type { ArchiveWatch } from '../archive-watch.ts';
import { coversAll, DeletionTest, type DeletedRange } from '../deleted-samples.ts';
import { inTurns } from '../in-turns.ts';
import type { LeaversOf } from '../series-retention.ts';
import type { SeriesEntry } from './series-directory.ts';
import type { SeriesFileRef } from './series-file-reader.ts';

export type SeriesReadLimits = Pick<typeof LIMITS, 'archiveQueryEntriesMax' | 'archiveReadRowsTarget'>;

/** A file of series that is open: its directory is at hand. */
export interface OpenSeriesFile {
  readonly rowCount: number;
  series(): Iterable<SeriesEntry>;
}

export interface SeriesFilesOptions<Reader extends OpenSeriesFile> {
  readonly store: ObjectStore;
  /** Readers whose tails an isolate remembers: files never change. */
  readonly cache: LruCache<string, Reader>;
  readonly limits: SeriesReadLimits;
  /** What files have, for messages: `samples`. */
  readonly rows: string;
  /** Which series are not to be seen any more, though files have them; `undefined`: all are. */
  readonly leaversOf?: LeaversOf | undefined;
  readonly open: (store: ObjectStore, ref: SeriesFileRef) => Promise<Reader>;
}

/** What is looked for in files of a table. Times are Unix milliseconds, both inclusive, as the files' directories have them. */
export interface SeriesQuery {
  readonly table: ArchiveTableName;
  /** Series that any of them matches. */
  readonly selectors: readonly (readonly Matcher[])[];
  readonly startMs: number;
  readonly endMs: number;
}

export interface FoundEntry<Reader> {
  readonly file: ArchivedFile;
  readonly reader: Reader;
  readonly entry: SeriesEntry;
  /** What of its rows is deleted, though the file has them. */
  readonly deleted: readonly DeletedRange[];
}

export interface FoundSeries<Reader> {
  readonly labels: Labels;
  /** In the order of the files. */
  readonly entries: FoundEntry<Reader>[];
  rowCount: number;
}

/** A series with what its files have of it, in their order; without those that are missing, where the watch takes that. */
export interface ReadSeriesRows<Reader, Rows> {
  readonly labels: Labels;
  readonly rows: readonly { readonly entry: FoundEntry<Reader>; readonly rows: Rows }[];
}

/** Finds and reads series in files of any table. */
export class SeriesFiles<Reader extends OpenSeriesFile> {
  readonly #options: SeriesFilesOptions<Reader>;
  readonly #matchers: readonly Matcher[];
  readonly #names: PartNames;

  /** `matchers` restrict every answer: they are joined to the caller's by "and". */
  constructor(options: SeriesFilesOptions<Reader>, matchers: readonly Matcher[]) {
    this.#options = options;
    this.#matchers = matchers;
    this.#names = new PartNames(options.rows, matchers.length > 0);
  }

  /** Series of some files by a key of their labels, in no order. They count with what the watch's query has found before. */
  async find(files: readonly ArchivedFile[], { table, selectors, startMs, endMs }: SeriesQuery, watch: ArchiveWatch): Promise<Map<string, FoundSeries<Reader>>> {
    const work = new SelectionWork();
    const tests = selectors.map((matchers) => new SeriesTest([...matchers, ...this.#matchers], work));
    const wanted = files.filter((file) => file.minTimeMs <= endMs && file.maxTimeMs >= startMs && tests.some((test) => test.mayMatchFile(file)));
    const { archiveQueryEntriesMax } = this.#options.limits;
    const matching = async (file: ArchivedFile): Promise<FoundEntry<Reader>[]> => {
      const entries: FoundEntry<Reader>[] = [];
      const reader = await this.#open(file, watch);
      const deletions = file.deletions === undefined ? undefined : new DeletionTest(file.deletions);
      const hasLeft = this.#options.leaversOf?.(table, partitionDay(tableDefinition(table), file.minTimeMs));
      for (const entry of reader.series()) {
        if (entry.minTimeMs > endMs || entry.maxTimeMs < startMs || !tests.some((test) => test.matches(entry.labels)) || hasLeft?.(entry.labels) === true) continue;
        const deleted = deletions?.rangesOf(entry.labels, entry.minTimeMs, entry.maxTimeMs) ?? [];
        if (coversAll(deleted, entry.minTimeMs, entry.maxTimeMs)) continue;
        if (++watch.entries.count > archiveQueryEntriesMax) throw tooMuch(`its selectors match more than ${archiveQueryEntriesMax} series of files`, 'archiveQueryEntriesMax', archiveQueryEntriesMax);
        entries.push({ file, reader, entry, deleted });
      }
      return entries;
    };
    // Of thousands of files, a directory in which nothing matches is let go before the next one is fetched: together they would not fit.
    const all = await inTurns(wanted, (file) => this.#names.reading(watch, file, () => matching(file)));
    const found = new Map<string, FoundSeries<Reader>>();
    for (const each of all.flatMap((entries) => entries ?? [])) {
      const key = labelsKey(each.entry.labels);
      let series = found.get(key);
      if (series === undefined) found.set(key, (series = { labels: each.entry.labels, entries: [], rowCount: 0 }));
      series.entries.push(each);
      series.rowCount += each.entry.rowCount;
    }
    return found;
  }

  /** Series in label order with their rows, some at a time. `read` reads entries of one file; `onFetch` is to hear of its requests. */
  async *read<Rows>(
    found: Iterable<FoundSeries<Reader>>,
    read: (reader: Reader, entries: readonly SeriesEntry[], onFetch: (bytes: number) => void) => Promise<Rows[]>,
    watch: ArchiveWatch,
  ): AsyncGenerator<ReadSeriesRows<Reader, Rows>> {
    const missing = new Set<Reader>();
    const series = [...found].sort((a, b) => compareLabels(a.labels, b.labels));
    for (let start = 0, end = 0; start < series.length; start = end) {
      let rowCount = 0;
      while (end < series.length && (end === start || rowCount + series[end]!.rowCount <= this.#options.limits.archiveReadRowsTarget)) rowCount += series[end++]!.rowCount;
      const batch = series.slice(start, end);
      const rows = await this.#readBatch(batch, read, missing, watch);
      for (const { labels, entries } of batch) yield { labels, rows: entries.flatMap((entry) => (rows.has(entry) ? [{ entry, rows: rows.get(entry)! }] : [])) };
    }
  }

  /** The rows of a batch of series: each file is asked once, and one that is missing is not asked again. */
  async #readBatch<Rows>(
    batch: readonly FoundSeries<Reader>[],
    read: (reader: Reader, entries: readonly SeriesEntry[], onFetch: (bytes: number) => void) => Promise<Rows[]>,
    missing: Set<Reader>,
    watch: ArchiveWatch,
  ): Promise<Map<FoundEntry<Reader>, Rows>> {
    const wanted = batch.flatMap(({ entries }) => entries).filter(({ reader }) => !missing.has(reader));
    const byReader = Map.groupBy(wanted, ({ reader }) => reader);
    const rows = new Map<FoundEntry<Reader>, Rows>();
    await inTurns([...byReader], async ([reader, founds]) => {
      const entries = founds.map(({ entry }) => entry);
      const answer = await this.#names.reading(watch, founds[0]!.file, () => read(reader, entries, (bytes) => watch.fetched(bytes)));
      if (answer === undefined) missing.add(reader);
      else founds.forEach((found, i) => rows.set(found, answer[i]!));
    });
    return rows;
  }

  async #open(file: ArchivedFile, watch: ArchiveWatch): Promise<Reader> {
    const { store, cache, open } = this.#options;
    watch.opened(file.key);
    const known = cache.get(file.key);
    if (known !== undefined) return known;
    const reader = await open(store, file);
    watch.fetched(file.tailBytes);
    if (reader.rowCount !== file.rowCount) throw new VarveError('unavailable', `archive: ${file.key} has ${reader.rowCount} rows, the catalog says ${file.rowCount}`);
    cache.set(file.key, reader, file.tailBytes);
    return reader;
  }
}
