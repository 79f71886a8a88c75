import { compareLabels, type Labels } from '../model/labels.ts';
import type { ArchiveWatch } from './archive-watch.ts';

/** An object that the catalog names is not in the object store. */
export class MissingObjectError extends Error {
  override readonly name = 'MissingObjectError';

  constructor(key: string) {
    super(`object ${key} is missing`);
  }
}

/** Whether an object that is missing is behind an error. */
export function isMissingObject(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof MissingObjectError) return true;
  return false;
}

/** The same watch, but an object that is missing fails, whatever the caller takes: its rows may be in others by now. */
export function failingOnMissing(watch: ArchiveWatch): ArchiveWatch {
  return {
    allowsPartial: watch.allowsPartial,
    failsOnMissing: true,
    entries: watch.entries,
    opened: (key) => watch.opened(key),
    fetched: (bytes) => watch.fetched(bytes),
    read: (sampleCount) => watch.read(sampleCount),
    missed: (what, reason) => watch.missed(what, reason),
  };
}

/**
 * Asks the catalog which files there are, and reads them. A merge or a deletion may have removed one of them before it was read, when a query
 * takes longer than such an object stays, or what is asked for comes late: both are done once more then. An object that is missing again is missing.
 */
export async function withFreshFiles<T>(watch: ArchiveWatch, read: (watch: ArchiveWatch) => Promise<T>): Promise<T> {
  try {
    return await read(failingOnMissing(watch));
  } catch (error) {
    if (!isMissingObject(error)) throw error;
    return read(watch);
  }
}

/** The same for series that come one by one, in label order: the second time goes on behind the last one. `select(false)` is the second. */
export async function* seriesOfFreshFiles<T extends { readonly labels: Labels }>(select: (failsOnMissing: boolean) => AsyncIterable<T>): AsyncGenerator<T> {
  let last: Labels | undefined;
  try {
    for await (const series of select(true)) {
      last = series.labels;
      yield series;
    }
    return;
  } catch (error) {
    if (!isMissingObject(error)) throw error;
  }
  for await (const series of select(false)) if (last === undefined || compareLabels(series.labels, last) > 0) yield series;
}
