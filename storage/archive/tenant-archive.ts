import type { ArchivedFile, ArchiveFilesAnswer, ArchiveFilesRequest } from '../catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../catalog/catalog-api.ts';
import type { ArchiveTableName } from '../catalog/iceberg/table-definition.ts';
import type { Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import type { ObjectStore } from '../object-store.ts';
import { VarveError } from '../runtime/errors.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import { lowerBound, mergeParts, type Part } from '../shard/run/piece.ts';
import type { RunSource } from '../shard/run/sample-run.ts';
import type { SeriesExemplars } from '../shard/select/select-exemplars.ts';
import { PartNames, tooManySamples, tooMuch } from './archive-reading.ts';
import { unwatched } from './archive-watch.ts';
import { selectArchivedExemplars, type ArchivedExemplarsRequest } from './archived-exemplars.ts';
import { stretchesOutside, type DeletedRange } from './deleted-samples.ts';
import { SamplesFileReader } from './files/samples-file-reader.ts';
import { SeriesFiles } from './files/series-files.ts';
import { withFreshFiles } from './missing-object.ts';
import type { LeaversOf } from './series-retention.ts';

type ArchiveReadLimits = Pick<typeof LIMITS, 'archiveQueryEntriesMax' | 'archiveReadRowsTarget' | 'archiveFilesPerQueryMax'>;

/** A list of files is begun anew so often when files are replaced while it is read page by page. */
const PLAN_TRIES = 4;

/** Readers whose tails an isolate remembers: files never change. */
export type ReaderCache = LruCache<string, SamplesFileReader>;

export interface TenantArchiveOptions {
  readonly store: ObjectStore;
  readonly cache: ReaderCache;
  readonly limits: ArchiveReadLimits;
  readonly files: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer>;
  /** Which series are not to be seen any more, though files have them; `undefined`: all are. */
  readonly leaversOf?: LeaversOf | undefined;
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

/** A tenant's archive, to be read by queries. */
export class TenantArchive {
  readonly #options: TenantArchiveOptions;
  readonly #matchers: readonly Matcher[];
  readonly #series: SeriesFiles<SamplesFileReader>;

  /** `matchers` restrict every answer: they are joined to the caller's by "and". */
  constructor(options: TenantArchiveOptions, matchers: readonly Matcher[] = []) {
    this.#options = options;
    this.#matchers = matchers;
    this.#series = new SeriesFiles({ ...options, rows: 'samples', open: (store, ref) => SamplesFileReader.open(store, ref) }, matchers);
  }

  restrictedTo(matchers: readonly Matcher[]): TenantArchive {
    return new TenantArchive(this.#options, [...this.#matchers, ...matchers]);
  }

  /** Exemplars of the series that any of the selectors matches, out of files, by series in label order, oldest first, each once. */
  async exemplars(request: ArchivedExemplarsRequest, watch = unwatched()): Promise<SeriesExemplars[]> {
    const selectors = request.selectors.map((matchers) => [...matchers, ...this.#matchers]);
    return withFreshFiles(watch, async (once) => {
      const plan = await this.plan(request.startMs, request.endMs, 'exemplars');
      return selectArchivedExemplars(this.#options.store, [...plan.files.values()].flat(), { ...request, selectors, leaversOf: this.#options.leaversOf }, once, new PartNames('exemplars', this.#matchers.length > 0));
    });
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
  async *select(files: readonly ArchivedFile[], { matchers, startMs, endMs, samplesMax }: ArchiveSelect, watch = unwatched()): AsyncGenerator<ArchivedSeries> {
    const found = await this.#series.find(files, { table: 'samples', selectors: [matchers], startMs, endMs }, watch);
    let samples = 0;
    for await (const { labels, rows } of this.#series.read(found.values(), (reader, entries, onFetch) => reader.read(entries, onFetch), watch)) {
      const part = partOf(rows.map(({ rows: source, entry }) => ({ source, deleted: entry.deleted })), startMs, endMs);
      if (part === undefined) continue;
      watch.read(part.to - part.from);
      samples += part.to - part.from;
      if (samples > samplesMax) throw tooManySamples(samplesMax);
      yield { labels, part };
    }
  }

  /** Labels of the series of some files that any of the selectors matches, none meaning all, and that may have samples in the range; in no order. */
  async labels(files: readonly ArchivedFile[], { selectors, startMs, endMs }: ArchiveLabels, watch = unwatched()): Promise<Labels[]> {
    const found = await this.#series.find(files, { table: 'samples', selectors: selectors.length === 0 ? [[]] : selectors, startMs, endMs }, watch);
    return Array.from(found.values(), ({ labels }) => labels);
  }
}

/** A series' samples of several files as one, without what is outside of the range, or deleted. */
function partOf(sources: readonly { readonly source: RunSource; readonly deleted: readonly DeletedRange[] }[], startMs: number, endMs: number): Part | undefined {
  const parts = sources.flatMap(({ source, deleted }): Part[] => {
    const from = lowerBound(source.timestampsMs, startMs);
    const to = lowerBound(source.timestampsMs, endMs + 1);
    return stretchesOutside(source.timestampsMs, from, to, deleted).map((stretch) => ({ ...source, ...stretch, hasStale: true }));
  });
  return parts.length <= 1 ? parts[0] : mergeParts(parts);
}
