import { SamplesFileReader } from '../archive/files/samples-file-reader.ts';
import type { SeriesEntry } from '../archive/files/series-directory.ts';
import { inTurns } from '../archive/in-turns.ts';
import type { ArchivedFile } from '../catalog/archive-api.ts';
import type { ArchiveFiles } from '../catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../catalog/catalog-api.ts';
import { dayOf } from '../catalog/iceberg/data-file.ts';
import { compareStrings, labelValue, METRIC_NAME, type Labels } from '../model/labels.ts';
import type { ObjectStore } from '../object-store.ts';
import { messageOf, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import { DAY_MS } from '../runtime/units.ts';
import { payloadOf } from '../shard/run/payloads.ts';
import { lowerBound, mergeParts, type Part } from '../shard/run/piece.ts';
import type { SeriesPage } from '../shard/select/read-series.ts';
import { compareSeries } from '../shard/select/read-window.ts';

/** A sample out of the archive; a document is a payload. */
export interface ArchivedSample {
  readonly timestampMs: number;
  readonly value: number;
  readonly payload: Uint8Array | undefined;
}

interface RankedSample extends ArchivedSample {
  /** Of its file: of equal times the greater one counts. */
  readonly rank: number;
}

interface FoundEntry {
  readonly file: ArchivedFile;
  readonly reader: SamplesFileReader;
  readonly entry: SeriesEntry;
}

/**
 * Reads single series out of a store's files, a day at a time, which is what a file belongs to. An answer is whole or an error: what is
 * damaged or away is never a series without samples.
 */
export class ArchiveReader {
  readonly #store: ObjectStore;
  readonly #files: ArchiveFiles;
  readonly #readers = new LruCache<string, SamplesFileReader>(LIMITS.storeTailCacheBytesMax);

  constructor(store: ObjectStore, files: ArchiveFiles) {
    this.#store = store;
    this.#files = files;
  }

  /** Samples of a series between two times (ms, both inclusive), at least those of the first day that has some, and where to go on. */
  async readPage(labels: Labels, startMs: number, endMs: number): Promise<SeriesPage> {
    for (let next = dayOf(startMs); ; ) {
      const day = this.#files.dayWithFiles('first', 'points', next, dayOf(endMs));
      if (day === undefined) return { ...NOTHING, nextStartMs: undefined };
      next = day + 1;
      const fromMs = Math.max(startMs, day * DAY_MS);
      const toMs = Math.min(endMs, (day + 1) * DAY_MS - 1);
      const files = this.#filesOf(labels, fromMs, toMs).sort((a, b) => a.minTimeMs - b.minTimeMs);
      for (let taken = 0, fromFileMs = fromMs; taken < files.length; ) {
        const found: FoundEntry[] = [];
        let rows = 0;
        let horizonMs = Infinity;
        while (taken < files.length && !(rows >= LIMITS.storeArchiveRowsTarget && horizonMs > fromFileMs)) {
          found.push(...(await this.#find(labels, files.slice(taken, taken + LIMITS.objectRequestsAtOnceMax), fromFileMs, toMs)));
          taken += LIMITS.objectRequestsAtOnceMax;
          rows = found.reduce((sum, { entry }) => sum + entry.rowCount, 0);
          // What begins before the next file does is complete.
          horizonMs = files[taken]?.minTimeMs ?? Infinity;
        }
        const lastMs = Math.min(toMs, horizonMs - 1);
        const page = await this.#readAll(found, fromFileMs, lastMs);
        if (page !== undefined) return { ...page, nextStartMs: lastMs >= endMs ? undefined : lastMs + 1 };
        // Files that were taken may have samples behind the horizon too.
        if (horizonMs !== Infinity) taken = files.findIndex(({ maxTimeMs }) => maxTimeMs >= horizonMs);
        fromFileMs = horizonMs;
      }
    }
  }

  /** A series' newest sample from `startMs` to `timeMs` (both inclusive). */
  async lastSampleAt(labels: Labels, startMs: number, timeMs: number): Promise<ArchivedSample | undefined> {
    for (let next = dayOf(timeMs); ; ) {
      const day = this.#files.dayWithFiles('last', 'points', dayOf(startMs), next);
      if (day === undefined) return undefined;
      next = day - 1;
      const fromMs = Math.max(startMs, day * DAY_MS);
      const files = this.#filesOf(labels, fromMs, timeMs)
        .filter((file) => dayOf(file.minTimeMs) === day)
        .sort((a, b) => b.maxTimeMs - a.maxTimeMs);
      let newest: RankedSample | undefined;
      for (let taken = 0; taken < files.length; ) {
        // Those that end before it have nothing newer; late files are of the same times as others.
        if (newest !== undefined && files[taken]!.maxTimeMs < newest.timestampMs) break;
        const reachMs = Math.max(files[taken]!.minTimeMs, newest?.timestampMs ?? -Infinity);
        const together = files.slice(taken, taken + LIMITS.objectRequestsAtOnceMax).filter(({ maxTimeMs }) => maxTimeMs >= reachMs);
        taken += together.length;
        for (const found of await this.#find(labels, together, fromMs, timeMs)) {
          if (newest === undefined || found.entry.maxTimeMs >= newest.timestampMs) newest = newer(newest, await this.#lastOf(found, fromMs, timeMs));
        }
      }
      if (newest !== undefined) return newest;
    }
  }

  async #lastOf(found: FoundEntry, startMs: number, endMs: number): Promise<RankedSample | undefined> {
    const page = await this.#readAll([found], startMs, endMs);
    if (page === undefined) return undefined;
    const at = page.timestampsMs.length - 1;
    return { timestampMs: page.timestampsMs[at]!, value: page.values[at]!, payload: payloadOf(page.valueBits, at, page.payloads), rank: found.file.rank };
  }

  #filesOf(labels: Labels, startMs: number, endMs: number): ArchivedFile[] {
    const metric = labelValue(labels, METRIC_NAME);
    const files: ArchivedFile[] = [];
    for (let after: { readonly day: number; readonly file: number } | undefined; ; ) {
      const answer = this.#files.files({ version: CATALOG_RPC_VERSION, table: 'points', startMs, endMs, after });
      files.push(...answer.files.filter(({ firstMetric, lastMetric }) => compareStrings(firstMetric, metric) <= 0 && compareStrings(metric, lastMetric) <= 0));
      after = answer.last;
      if (after === undefined) return files;
    }
  }

  async #find(labels: Labels, files: readonly ArchivedFile[], startMs: number, endMs: number): Promise<FoundEntry[]> {
    const readers = await inTurns(files, (file) => this.#open(file));
    return readers.flatMap((reader, i): FoundEntry[] => {
      const entry = entryOf(reader, labels);
      return entry !== undefined && entry.minTimeMs <= endMs && entry.maxTimeMs >= startMs ? [{ file: files[i]!, reader, entry }] : [];
    });
  }

  /** The samples within a time, of all files as one; `undefined` when there is none. */
  async #readAll(found: readonly FoundEntry[], startMs: number, endMs: number): Promise<Omit<SeriesPage, 'nextStartMs'> | undefined> {
    const parts: Part[] = [];
    // Of equal timestamps the one in the file with the greater rank counts.
    for (const { file, reader, entry } of [...found].sort((a, b) => a.file.rank - b.file.rank)) {
      const [source] = await reading(file, () => reader.read([entry]));
      const from = lowerBound(source!.timestampsMs, startMs);
      const to = lowerBound(source!.timestampsMs, endMs + 1);
      if (to > from) parts.push({ ...source!, from, to, hasStale: false });
    }
    if (parts.length === 0) return undefined;
    const { timestampsMs, bits, payloads, from, to } = parts.length === 1 ? parts[0]! : mergeParts(parts);
    const valueBits = bits.slice(from * 2, to * 2);
    return { timestampsMs: timestampsMs.slice(from, to), values: new Float64Array(valueBits.buffer), valueBits, payloads, startsMs: undefined };
  }

  async #open(file: ArchivedFile): Promise<SamplesFileReader> {
    const known = this.#readers.get(file.key);
    if (known !== undefined) return known;
    const reader = await reading(file, () => SamplesFileReader.open(this.#store, file));
    this.#readers.set(file.key, reader, file.tailBytes);
    return reader;
  }
}

const NOTHING = { timestampsMs: new Float64Array(0), values: new Float64Array(0), valueBits: new Uint32Array(0), payloads: [], startsMs: undefined } as const;

function newer(a: RankedSample | undefined, b: RankedSample | undefined): RankedSample | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.timestampMs > a.timestampMs || (b.timestampMs === a.timestampMs && b.rank > a.rank) ? b : a;
}

function entryOf(reader: SamplesFileReader, labels: Labels): SeriesEntry | undefined {
  for (const entry of reader.series()) {
    const order = compareSeries(entry.labels, labels);
    if (order === 0) return entry;
    if (order > 0) return undefined;
  }
  return undefined;
}

async function reading<T>(file: ArchivedFile, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const reason = messageOf(error);
    throw new VarveError('unavailable', `the archive's file ${file.key} cannot be read: ${reason}; ask again later`, { cause: error });
  }
}
