import { isMissingPart } from '../runtime/errors.ts';
import { isMissingObject } from './missing-object.ts';

/**
 * Series of files that the reads of one query have found together: a series that is in ten files counts ten times, and so does one that ten
 * selectors find. They are held until their read is through, and each of them is read, whatever comes of it.
 */
export class FoundEntries {
  count = 0;
}

/** Who is told what a query reads of the archive, and decides whether it goes on without what cannot be read. */
export interface ArchiveWatch {
  /** Whether the caller takes an answer in which parts are missing. */
  readonly allowsPartial: boolean;
  /** Whether an object that is missing fails in any case: see missing-object.ts. */
  readonly failsOnMissing?: boolean;
  /** The query's; roll-ups and samples have one. */
  readonly entries: FoundEntries;
  /** A file is looked at: its tail is fetched, or known from before. */
  opened(key: string): void;
  /** One request to the object store was answered. */
  fetched(bytes: number): void;
  /** Samples in the range were read. */
  read(sampleCount: number): void;
  /** A part could not be read, and the answer goes on without it. `what` says which, as in "samples of … are missing". */
  missed(what: string, reason: string): void;
}

/** Of a query of its own: nobody is told, and what cannot be read fails. */
export function unwatched(): ArchiveWatch {
  const ignore = (): void => undefined;
  return { allowsPartial: false, entries: new FoundEntries(), opened: ignore, fetched: ignore, read: ignore, missed: ignore };
}

/** Runs what reads a part; `undefined` when it is away and the caller takes that. */
export async function orMissed<T>(watch: ArchiveWatch, what: string, body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (!isMissingPart(error) || !watch.allowsPartial || (watch.failsOnMissing === true && isMissingObject(error))) throw error;
    watch.missed(what, error.message);
    return undefined;
  }
}
