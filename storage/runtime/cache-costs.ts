/**
 * What it takes a Worker to find out again what its caches know, in nanoseconds of CPU for each byte that they take: whose room is given up first
 * (cache-budget.ts). From what a series costs more where it is not known, and what it takes where it is (ingest/MEMORY.md): a few percent here or
 * there change nothing.
 */
export const REMAKE_NS_PER_BYTE = {
  /** 1.2 µs a series, 110 bytes. */
  remoteWrite1: 10,
  /** 0.7 to 1 µs a series, 150 to 230 bytes. */
  remoteWrite2: 5,
  /** What a series costs more by its id than by its ref, at the door and in its shard: 0.06 µs, 33 bytes. */
  refs: 2,
  /** 11 µs a sum of 140 bytes or more, 22 µs a histogram of some 300. */
  otlp: 50,
  /** A request to the object store, whose wait counts too, and a tail of some 100 KiB that is parsed. */
  tails: 10,
} as const;
