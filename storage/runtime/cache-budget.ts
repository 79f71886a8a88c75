import type { Clock } from './clock.ts';
import type { LIMITS } from './limits.ts';
import { LruCache } from './lru-cache.ts';
import type { Counters } from './metrics.ts';

type CacheLimits = Pick<typeof LIMITS, 'workerCacheBytesMax' | 'workerCacheIdleMs'>;

/** So many times as much as who finds no room must another one hold to make room for him. With less, two that want all of it would take turns. */
const LARGER_TIMES = 2;

/**
 * One bound for the caches of a Worker together: what its doors know of series, and tails of files. Each has a bound of its own, at which it is
 * of use to the largest tenant that we know of; the sum of these is more than an isolate can spare, and here is what it can.
 *
 * A cache asks before it grows, and where there is no room it does not: what it does not know costs CPU and nothing else. So the sum is never
 * above the bound, not even while an array is copied into a larger one. Room is made between requests, when nobody works with what a cache has:
 * first by those that have not been used for long, the one unused longest before others. If all are in use, the largest of them is emptied, if
 * it has more than twice as much as the one without room, and for a while nobody, it included, may grow beyond half of what it had: what is free
 * is for those who have least. So those in use come to hold about the same, and then stay. It is done no more often than that while is long, however
 * many find no room: filling a cache again takes as much CPU as dozens of requests of its series that are known.
 *
 * How much a cache has is measured against what its bytes spare: one whose bytes cost ten times as much to make again has as much as another
 * with ten times its bytes. So the cheapest go first, and none that is in use is left without any. What a cache has and nobody asks for it
 * gives up itself, once others want room (`isWanted`).
 */
export class CacheBudget {
  readonly #limits: CacheLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #shares: CacheShare[] = [];
  #bytes = 0;
  /** Of those that have found no room since the last look, the smallest. */
  #lacking: CacheShare | undefined;
  /** When one has found no room last (Unix ms). */
  #lackedMs = -Infinity;
  /** Until then (Unix ms) none may grow beyond so much: the largest one has been emptied for others. */
  #levelUntilMs = -Infinity;
  #level = 0;

  constructor(limits: CacheLimits, clock: Clock, counters: Counters) {
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Bytes that all caches take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether one has found no room of late. */
  get isShort(): boolean {
    return this.#clock.nowMs() - this.#lackedMs < this.#limits.workerCacheIdleMs;
  }

  /**
   * A cache's share. `remakeNsPerByte`: what it takes to find out again what it knows, CPU for each of its bytes (ingest/MEMORY.md). `empty` lets
   * go of everything, between requests; what was taken counts as given back then.
   */
  open(name: string, remakeNsPerByte: number, empty: () => void, bytesMax = Infinity): CacheShare {
    const share = new CacheShare(name, remakeNsPerByte, empty, bytesMax, this);
    this.#shares.push(share);
    this.#counters.measure('varve_cache_bytes', { cache: name }, () => share.bytes);
    for (const reason of ['unused', 'largest']) this.#counters.declare('varve_cache_evictions_total', { cache: name, reason });
    this.#counters.declare('varve_cache_requests_without_room_total', { cache: name });
    return share;
  }

  /** A cache of entries that each say how many bytes they are, of which those used longest ago make room. */
  lru<Key, Value>(name: string, remakeNsPerByte: number, bytesMax: number): LruCache<Key, Value> {
    const cache: LruCache<Key, Value> = new LruCache(bytesMax, this.open(name, remakeNsPerByte, () => cache.clear()));
    return cache;
  }

  /** For shares alone. */
  take(share: CacheShare, bytes: number, copiedBytes: number): boolean {
    if (this.#levelUntilMs !== -Infinity && share.levelOf(share.bytes + bytes) > this.#level) {
      if (this.#clock.nowMs() < this.#levelUntilMs) return false;
      this.#levelUntilMs = -Infinity;
    }
    if (this.#bytes + bytes + copiedBytes > this.#limits.workerCacheBytesMax) {
      share.wantedBytes = bytes + copiedBytes;
      if (this.#lacking === undefined || share.level < this.#lacking.level) this.#lacking = share;
      this.#lackedMs = this.#clock.nowMs();
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** For shares alone. */
  give(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** For shares alone: a request begins. */
  begin(share: CacheShare): void {
    share.usedMs = this.#clock.nowMs();
    const lacking = this.#lacking;
    if (lacking === undefined) return;
    this.#lacking = undefined;
    this.#counters.add('varve_cache_requests_without_room_total', { cache: lacking.name }, 1);
    this.#makeRoom(lacking, share.usedMs);
  }

  /** For shares alone. */
  touch(share: CacheShare): void {
    share.usedMs = this.#clock.nowMs();
  }

  #makeRoom(lacking: CacheShare, nowMs: number): void {
    const { workerCacheBytesMax, workerCacheIdleMs } = this.#limits;
    const others = this.#shares.filter((share) => share !== lacking && share.bytes > 0);
    const unused = others.filter(({ usedMs }) => nowMs - usedMs >= workerCacheIdleMs).sort((a, b) => a.usedMs - b.usedMs);
    for (const share of unused) {
      this.#empty(share, 'unused');
      if (this.#bytes + lacking.wantedBytes <= workerCacheBytesMax) return;
    }
    if (nowMs < this.#levelUntilMs) return;
    const largest = others.reduce<CacheShare>((most, share) => (share.level > most.level ? share : most), lacking);
    if (largest.level <= lacking.levelOf(lacking.bytes * LARGER_TIMES + lacking.wantedBytes)) return;
    this.#level = largest.level / LARGER_TIMES;
    this.#levelUntilMs = nowMs + workerCacheIdleMs;
    this.#empty(largest, 'largest');
  }

  #empty(share: CacheShare, reason: 'unused' | 'largest'): void {
    this.#counters.add('varve_cache_evictions_total', { cache: share.name, reason }, 1);
    share.empty();
  }
}

/** What one cache takes. */
export class CacheShare {
  readonly name: string;
  readonly #remakeNsPerByte: number;
  readonly #empty: () => void;
  readonly #bytesMax: number;
  readonly #budget: CacheBudget | undefined;
  /** Beyond what it begins with, which is some hundred KiB at the most. */
  bytes = 0;
  /** When it was used last (Unix ms), and what it wanted when it found no room: both are the budget's. */
  usedMs = -Infinity;
  wantedBytes = 0;

  constructor(name: string, remakeNsPerByte: number, empty: () => void, bytesMax: number, budget: CacheBudget | undefined) {
    this.name = name;
    this.#remakeNsPerByte = remakeNsPerByte;
    this.#empty = empty;
    this.#bytesMax = bytesMax;
    this.#budget = budget;
  }

  /** How much it has, to be compared with others: what its bytes spare counts. */
  get level(): number {
    return this.levelOf(this.bytes);
  }

  levelOf(bytes: number): number {
    return bytes / this.#remakeNsPerByte;
  }

  /** Whether others want room: what is not used any more had better be given up. */
  get isWanted(): boolean {
    return this.#budget?.isShort === true;
  }

  /** Begins a request, in which the cache will be used. Nobody uses it now, nor any other one: any may be emptied here, and nowhere else. */
  begin(): void {
    this.#budget?.begin(this);
  }

  /** It is used, in a request that has begun with another one. */
  touch(): void {
    this.#budget?.touch(this);
  }

  /**
   * Whether there is room for so many bytes more, which are taken then. `copiedBytes` is what arrays take that are copied into larger ones: for a
   * moment there are both.
   */
  take(bytes: number, copiedBytes = 0): boolean {
    if (this.bytes + bytes > this.#bytesMax || this.#budget?.take(this, bytes, copiedBytes) === false) return false;
    this.bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.bytes -= bytes;
    this.#budget?.give(bytes);
  }

  /** Lets go of everything; never within a request. */
  empty(): void {
    this.#empty();
    this.give(this.bytes);
  }
}

/** The share of a cache that has no others beside it. */
export function ownShare(bytesMax = Infinity): CacheShare {
  return new CacheShare('', 1, () => {}, bytesMax, undefined);
}
