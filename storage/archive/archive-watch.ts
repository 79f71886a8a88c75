import { isMissingPart } from '../runtime/errors.ts';
import { isMissingObject } from './missing-object.ts';

/** Who is told what a query reads of the archive, and decides whether it goes on without what cannot be read. */
export interface ArchiveWatch {
  /** Whether the caller takes an answer in which parts are missing. */
  readonly allowsPartial: boolean;
  /** Whether an object that is missing fails in any case: see missing-object.ts. */
  readonly failsOnMissing?: boolean;
  /** A file is looked at: its tail is fetched, or known from before. */
  opened(key: string): void;
  /** One request to the object store was answered. */
  fetched(bytes: number): void;
  /** Samples in the range were read. */
  read(sampleCount: number): void;
  /** A part could not be read, and the answer goes on without it. `what` says which, as in "samples of … are missing". */
  missed(what: string, reason: string): void;
}

/** Nobody is told, and what cannot be read fails. */
export const UNWATCHED: ArchiveWatch = {
  allowsPartial: false,
  opened: () => undefined,
  fetched: () => undefined,
  read: () => undefined,
  missed: () => undefined,
};

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
