import { tooMuch } from '../archive/archive-reading.ts';
import { unwatched, type ArchiveWatch } from '../archive/archive-watch.ts';
import { SeriesFiles, type SeriesReadLimits } from '../archive/files/series-files.ts';
import type { LeaversOf } from '../archive/series-retention.ts';
import type { ArchivedFile, ArchiveFilesAnswer, ArchiveFilesRequest, RollupDaysAnswer, RollupDaysRequest } from '../catalog/archive-api.ts';
import { CATALOG_RPC_VERSION } from '../catalog/catalog-api.ts';
import { dayOf } from '../catalog/iceberg/data-file.ts';
import type { RollupTableName } from '../catalog/iceberg/rollup-tables.ts';
import type { Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import type { ObjectStore } from '../object-store.ts';
import { VarveError } from '../runtime/errors.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { LruCache } from '../runtime/lru-cache.ts';
import type { BucketColumns } from './bucket-columns.ts';
import { RollupFileReader, type BucketPart } from './rollup-file-reader.ts';
import type { KeptDays, WarmRule } from './tiering-policy.ts';

type WarmLimits = SeriesReadLimits & Pick<typeof LIMITS, 'archiveFilesPerQueryMax'>;

/** A list of days and files is begun anew so often when files are replaced while it is read. */
const PLAN_TRIES = 4;

export interface WarmArchiveOptions {
  readonly store: ObjectStore;
  readonly cache: LruCache<string, RollupFileReader>;
  readonly limits: WarmLimits;
  readonly days: (request: RollupDaysRequest) => Promise<RollupDaysAnswer>;
  readonly files: (request: ArchiveFilesRequest) => Promise<ArchiveFilesAnswer>;
  /** Which series are not to be seen any more, though files have them; `undefined`: all are. */
  readonly leaversOf?: LeaversOf | undefined;
  /** Which days a query may count on; `undefined`: on all. */
  readonly keptOf?: ((table: RollupTableName, selector: readonly Matcher[]) => KeptDays) | undefined;
}

/** Days that a table has of a shard, all made by the same rules and up to date with the samples that are in files. */
export interface RollupDays {
  readonly table: RollupTableName;
  readonly shard: string;
  /** Days since 1970, both inclusive. */
  readonly firstDay: number;
  readonly lastDay: number;
  readonly rules: readonly WarmRule[];
  /** Whether there may be samples of these days that are asked for; unless it is said, there may. */
  readonly hasSamples?: boolean;
}

/** What there is of roll-ups in a range of time. */
export interface WarmPlan {
  readonly days: readonly RollupDays[];
  /** By shard: all its samples before this (Unix ms) are in files. */
  readonly archivedUntilMs: ReadonlyMap<string, number>;
  /** Of the catalog's files: see `files`. */
  readonly removals: number;
}

export interface WarmSelect {
  readonly table: RollupTableName;
  readonly matchers: readonly Matcher[];
  /** Only buckets of these days (since 1970). */
  readonly days: ReadonlySet<number>;
  /** Starts of buckets, Unix ms, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  readonly parts: readonly BucketPart[];
}

/** A series' buckets out of one file, with those that are asked for. */
export interface WarmSeries {
  readonly labels: Labels;
  readonly buckets: BucketColumns;
  /** Rows in the range and of the days: stretches of one day each, in order. */
  readonly stretches: readonly { readonly from: number; readonly to: number }[];
  /** There are native histograms among its samples, of which buckets say nothing but their number. */
  readonly hasHistograms: boolean;
}

/** A tenant's roll-ups, to be read by queries. */
export class WarmArchive {
  readonly #options: WarmArchiveOptions;
  readonly #series: SeriesFiles<RollupFileReader>;
  /** These restrict every answer: they are joined to the caller's by "and". */
  readonly matchers: readonly Matcher[];

  constructor(options: WarmArchiveOptions, matchers: readonly Matcher[] = []) {
    this.#options = options;
    this.#series = new SeriesFiles({ ...options, rows: 'roll-ups', open: (store, ref) => RollupFileReader.open(store, ref) }, matchers);
    this.matchers = matchers;
  }

  restrictedTo(matchers: readonly Matcher[]): WarmArchive {
    return new WarmArchive(this.#options, [...this.matchers, ...matchers]);
  }

  /** Asks the catalog which days there are from `startMs` to `endMs` (Unix ms, both inclusive) that have all of what a selector may match. */
  async plan(startMs: number, endMs: number, selector: readonly Matcher[] = []): Promise<WarmPlan> {
    const answer = await this.#options.days({ version: CATALOG_RPC_VERSION, firstDay: dayOf(startMs), lastDay: dayOf(endMs) });
    const rules = new Map(answer.policies.map(({ policy, rules: text }) => [policy, JSON.parse(text) as WarmRule[]]));
    return {
      days: answer.days.flatMap(({ policy, ...days }) => this.#kept({ ...days, rules: rules.get(policy)! }, selector)),
      archivedUntilMs: new Map(Object.entries(answer.archivedUntilMs)),
      removals: answer.removals,
    };
  }

  #kept(days: RollupDays, selector: readonly Matcher[]): RollupDays[] {
    const kept = this.#options.keptOf?.(days.table, selector);
    if (kept === undefined) return [days];
    const spans = [
      { ...days, lastDay: Math.min(days.lastDay, kept.samplesFromDay - 1), hasSamples: false },
      { ...days, firstDay: Math.max(days.firstDay, kept.samplesFromDay, kept.completeFromDay) },
    ];
    return spans.filter(({ firstDay, lastDay }) => firstDay <= lastDay);
  }

  /** The files of a table in a range; `undefined` when files have been replaced or have left since the plan was made. */
  async files(table: RollupTableName, startMs: number, endMs: number, { removals }: WarmPlan): Promise<ArchivedFile[] | undefined> {
    const { archiveFilesPerQueryMax } = this.#options.limits;
    const files: ArchivedFile[] = [];
    let after: ArchiveFilesRequest['after'];
    do {
      const answer = await this.#options.files({ version: CATALOG_RPC_VERSION, table, startMs, endMs, after });
      if (answer.removals !== removals) return undefined;
      files.push(...answer.files);
      if (files.length > archiveFilesPerQueryMax) throw tooMuch(`the range has more than ${archiveFilesPerQueryMax} files of ${table}`, 'archiveFilesPerQueryMax', archiveFilesPerQueryMax);
      after = answer.last;
    } while (after !== undefined);
    return files;
  }

  /** Matching series of some files, in label order, of each file by itself. */
  async *select(files: readonly ArchivedFile[], { table, matchers, days, startMs, endMs, parts }: WarmSelect, watch: ArchiveWatch = unwatched()): AsyncGenerator<WarmSeries> {
    const found = await this.#series.find(files, { table, selectors: [matchers], startMs, endMs }, watch);
    for await (const { labels, rows } of this.#series.read(found.values(), (reader, entries, onFetch) => reader.read(entries, parts, onFetch), watch)) {
      for (const { entry, rows: buckets } of rows) {
        const stretches = stretchesOf(buckets, days, startMs, endMs);
        if (stretches.length === 0) continue;
        watch.read(stretches.reduce((sum, { from, to }) => sum + to - from, 0));
        yield { labels, buckets, stretches, hasHistograms: entry.entry.hasHistograms };
      }
    }
  }
}

function stretchesOf({ startMs: starts, length }: BucketColumns, days: ReadonlySet<number>, startMs: number, endMs: number): { from: number; to: number }[] {
  const stretches: { from: number; to: number }[] = [];
  for (let row = 0; row < length; ) {
    const day = dayOf(starts[row]!);
    let to = row;
    let from = row;
    for (; to < length && dayOf(starts[to]!) === day; to++) if (starts[to]! < startMs) from = to + 1;
    row = to;
    while (to > from && starts[to - 1]! > endMs) to--;
    if (from < to && days.has(day)) stretches.push({ from, to });
  }
  return stretches;
}

/** What roll-ups are wanted for. Times are Unix milliseconds, both inclusive. */
export interface WarmRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly selector: readonly Matcher[];
}

/** Runs what needs a plan and the files that fit it, again when they have changed meanwhile. */
export async function withWarmPlan<T>(warm: WarmArchive, { startMs, endMs, selector }: WarmRange, body: (plan: WarmPlan) => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < PLAN_TRIES; attempt++) {
    const result = await body(await warm.plan(startMs, endMs, selector));
    if (result !== undefined) return result;
  }
  throw new VarveError('unavailable', 'roll-ups: their files change while they are listed; ask again');
}

