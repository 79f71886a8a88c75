import { LIMITS } from '../runtime/limits.ts';

/** The engine with the limits of a guest: it shares an isolate with somebody's own code. */
export const STORE_LIMITS = {
  ...LIMITS,
  logEntriesMax: LIMITS.storeLogEntriesMax,
  // A merge is a pause of the object: a quarter of what a shard takes.
  mergeSamplesMax: LIMITS.mergeFanIn * LIMITS.storeLogEntriesMax,
};
