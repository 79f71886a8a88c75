import type { ArchivedFile, ArchiveFilesAnswer, ArchiveFilesRequest } from '../catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../catalog/catalog-api.ts';
import type { ArchiveTableName } from '../catalog/table-definition.ts';
import { compareLabels, labelsKey, type Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import type { ObjectStore } from '../object-store.ts';
import { VarveError } from '../runtime/errors.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import { mergeParts, type Part } from '../shard/piece.ts';
import type { RunSource } from '../shard/sample-run.ts';
import type { SeriesExemplars } from '../shard/select-exemplars.ts';
import { selectArchivedExemplars, type ArchivedExemplarsRequest } from './archived-exemplars.ts';
import { inTurns, partName, reading, SeriesTest, tooMuch } from './archive-reading.ts';
import { orMissed, UNWATCHED, type ArchiveWatch } from './archive-watch.ts';
import { SamplesFileReader } from './samples-file-reader.ts';
import type { SeriesEntry } from './series-directory.ts';

type ArchiveReadLimits = Readonly<Record<keyof Pick<typeof LIMITS, 'archiveQueryEntriesMax' | 'archiveReadRowsTarget' | 'archiveFilesPerQueryMax'>, number>>;

/** A list of files is begun anew so often when files are replaced while it is read page by page. */
const PLAN_TRIES = 4;

/** Readers whose tails an isolate remembers: files never change. */
export type ReaderCache = LruCache<string, SamplesFileReader>;

export interface TenantArchiveOptions {
  readonly store: ObjectStore;
  readonly cache: ReaderCache;
  readonly limits: ArchiveReadLimits;
  readonly files: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer>;
}

/** What the archive has of a range of time. */
export interface ArchivePlan {
  /** By shard (`epoch/number`): all its samples before this (Unix ms) are in files, and none behind it. */
  readonly archivedUntilMs: ReadonlyMap<string, number>;
  /** By shard, by rising rank: of equal timestamps of a series the one in the later file counts. */
  readonly files: ReadonlyMap<string, readonly ArchivedFile[]>;
}

/** What is asked of some files. Times are Unix milliseconds, both inclusive. */
export interface ArchiveSelect {
  readonly matchers: readonly Matcher[];
  readonly startMs: number;
  readonly endMs: number;
  readonly samplesMax: number;
}

export interface ArchiveLabels {
  readonly selectors: readonly (readonly Matcher[])[];
  readonly startMs: number;
  readonly endMs: number;
}

/** A series' samples out of files, timestamps rising, at least one. */
export interface ArchivedSeries {
  readonly labels: Labels;
  readonly part: Part;
}

interface FoundEntry {
  readonly file: ArchivedFile;
  readonly reader: SamplesFileReader;
  readonly entry: SeriesEntry;
}

interface FoundSeries {
  readonly labels: Labels;
  readonly entries: FoundEntry[];
  rowCount: number;
}

/** A tenant's archive, to be read by queries. */
export class TenantArchive {
  readonly #options: TenantArchiveOptions;
  readonly #matchers: readonly Matcher[];

  /** `matchers` restrict every answer: they are joined to the caller's by "and". */
  constructor(options: TenantArchiveOptions, matchers: readonly Matcher[] = []) {
    this.#options = options;
    this.#matchers = matchers;
  }

  restrictedTo(matchers: readonly Matcher[]): TenantArchive {
    return new TenantArchive(this.#options, [...this.#matchers, ...matchers]);
  }

  /** Exemplars of the series that any of the selectors matches, out of files, by series in label order, oldest first, each once. */
  async exemplars(request: ArchivedExemplarsRequest, watch = UNWATCHED): Promise<SeriesExemplars[]> {
    const plan = await this.plan(request.startMs, request.endMs, 'exemplars');
    const selectors = request.selectors.map((matchers) => [...matchers, ...this.#matchers]);
    return selectArchivedExemplars(this.#options.store, [...plan.files.values()].flat(), { ...request, selectors }, watch);
  }

  /** Asks the catalog what there is from `startMs` to `endMs` (Unix ms, both inclusive). */
  async plan(startMs: number, endMs: number, table: ArchiveTableName = 'samples'): Promise<ArchivePlan> {
    for (let attempt = 0; attempt < PLAN_TRIES; attempt++) {
      const plan = await this.#plan(startMs, endMs, table);
      if (plan !== undefined) return plan;
    }
    throw new VarveError('unavailable', 'archive: its files change while they are listed; ask again');
  }

  /** `undefined` when files were replaced between two pages. */
  async #plan(startMs: number, endMs: number, table: ArchiveTableName): Promise<ArchivePlan | undefined> {
    const { archiveFilesPerQueryMax } = this.#options.limits;
    const files = new Map<string, ArchivedFile[]>();
    let count = 0;
    let after: ArchiveFilesRequest['after'];
    let removals: number | undefined;
    for (;;) {
      const answer = await this.#options.files({ version: CATALOG_RPC_VERSION, table, startMs, endMs, after });
      if (answer.removals !== (removals ??= answer.removals)) return undefined;
      for (const file of answer.files) {
        const known = files.get(file.shard);
        if (known === undefined) files.set(file.shard, [file]);
        else known.push(file);
      }
      count += answer.files.length;
      if (count > archiveFilesPerQueryMax) throw tooMuch(`the range has more than ${archiveFilesPerQueryMax} files`, 'archiveFilesPerQueryMax', archiveFilesPerQueryMax);
      after = answer.last;
      if (after !== undefined) continue;
      for (const list of files.values()) list.sort((a, b) => a.rank - b.rank || a.file - b.file);
      return { archivedUntilMs: new Map(Object.entries(answer.archivedUntilMs)), files };
    }
  }

  /**
   * Matching series of some files, in label order, with their samples from `startMs` to `endMs`; at most `samplesMax` in all. A file that
   * cannot be read fails it, or is missing from the answer where the watch takes that.
   */
  async *select(files: readonly ArchivedFile[], { matchers, startMs, endMs, samplesMax }: ArchiveSelect, watch = UNWATCHED): AsyncGenerator<ArchivedSeries> {
    const found = await this.#find(files, [matchers], startMs, endMs, watch);
    const missing = new Set<SamplesFileReader>();
    const series = [...found.values()].sort((a, b) => compareLabels(a.labels, b.labels));
    let samples = 0;
    for (let start = 0, end = 0; start < series.length; start = end) {
      let rows = 0;
      while (end < series.length && (end === start || rows + series[end]!.rowCount <= this.#options.limits.archiveReadRowsTarget)) rows += series[end++]!.rowCount;
      const batch = series.slice(start, end);
      const sources = await this.#read(batch, missing, watch);
      for (const one of batch) {
        const read = one.entries.flatMap((entry) => sources.get(entry) ?? []);
        const part = partOf(read, startMs, endMs);
        if (part === undefined) continue;
        watch.read(part.to - part.from);
        samples += part.to - part.from;
        if (samples > samplesMax) throw new VarveError('limit', `query processing would load too many samples into memory in query execution (querySamplesMax is ${samplesMax})`);
        yield { labels: one.labels, part };
      }
    }
  }

  /** Labels of the series of some files that any of the selectors matches, none meaning all, and that may have samples in the range; in no order. */
  async labels(files: readonly ArchivedFile[], { selectors, startMs, endMs }: ArchiveLabels, watch = UNWATCHED): Promise<Labels[]> {
    const found = await this.#find(files, selectors.length === 0 ? [[]] : selectors, startMs, endMs, watch);
    return Array.from(found.values(), ({ labels }) => labels);
  }

  async #find(files: readonly ArchivedFile[], selectors: readonly (readonly Matcher[])[], startMs: number, endMs: number, watch: ArchiveWatch): Promise<Map<string, FoundSeries>> {
    const tests = selectors.map((matchers) => new SeriesTest([...matchers, ...this.#matchers]));
    const wanted = files.filter((file) => file.minTimeMs <= endMs && file.maxTimeMs >= startMs && tests.some((test) => test.mayMatchFile(file)));
    const readers = await inTurns(wanted, (file) => orMissed(watch, partName('samples', file), () => this.#open(file, watch)));
    const found = new Map<string, FoundSeries>();
    const { archiveQueryEntriesMax } = this.#options.limits;
    let entries = 0;
    for (const [i, file] of wanted.entries()) {
      const reader = readers[i];
      if (reader === undefined) continue;
      await orMissed(watch, partName('samples', file), () => reading(async () => {
        for (const entry of reader.series()) {
          if (entry.minTimeMs > endMs || entry.maxTimeMs < startMs || !tests.some((test) => test.matches(entry.labels))) continue;
          if (++entries > archiveQueryEntriesMax) throw tooMuch(`more than ${archiveQueryEntriesMax} series of files match`, 'archiveQueryEntriesMax', archiveQueryEntriesMax);
          const key = labelsKey(entry.labels);
          let series = found.get(key);
          if (series === undefined) found.set(key, (series = { labels: entry.labels, entries: [], rowCount: 0 }));
          series.entries.push({ file, reader, entry });
          series.rowCount += entry.rowCount;
        }
      }));
    }
    return found;
  }

  /** The samples of a batch of series: each file is asked once, and one that is missing is not asked again. */
  async #read(batch: readonly FoundSeries[], missing: Set<SamplesFileReader>, watch: ArchiveWatch): Promise<Map<FoundEntry, RunSource>> {
    const byReader = new Map<SamplesFileReader, FoundEntry[]>();
    for (const found of batch.flatMap(({ entries }) => entries)) {
      if (missing.has(found.reader)) continue;
      const known = byReader.get(found.reader);
      if (known === undefined) byReader.set(found.reader, [found]);
      else known.push(found);
    }
    const sources = new Map<FoundEntry, RunSource>();
    await inTurns([...byReader], async ([reader, founds]) => {
      const entries = founds.map(({ entry }) => entry);
      const read = await orMissed(watch, partName('samples', founds[0]!.file), () => reading(() => reader.read(entries, (bytes) => watch.fetched(bytes))));
      if (read === undefined) missing.add(reader);
      else founds.forEach((found, i) => sources.set(found, read[i]!));
    });
    return sources;
  }

  async #open(file: ArchivedFile, watch: ArchiveWatch): Promise<SamplesFileReader> {
    const { store, cache } = this.#options;
    watch.opened(file.key);
    const known = cache.get(file.key);
    if (known !== undefined) return known;
    const reader = await reading(() => SamplesFileReader.open(store, file));
    watch.fetched(file.tailBytes);
    if (reader.rowCount !== file.rowCount) throw new VarveError('unavailable', `archive: ${file.key} has ${reader.rowCount} rows, the catalog says ${file.rowCount}`);
    cache.set(file.key, reader, file.tailBytes);
    return reader;
  }
}

/** A series' samples of several files as one, without what is outside of the range. */
function partOf(sources: readonly RunSource[], startMs: number, endMs: number): Part | undefined {
  const parts = sources.flatMap((source): Part[] => {
    const { timestampsMs } = source;
    let from = 0;
    let to = timestampsMs.length;
    while (from < to && timestampsMs[from]! < startMs) from++;
    while (to > from && timestampsMs[to - 1]! > endMs) to--;
    return from === to ? [] : [{ ...source, from, to, hasStale: true }];
  });
  return parts.length <= 1 ? parts[0] : mergeParts(parts);
}
