import { bucketStart } from './bucket-stream.ts';
import type { StoreSettings } from './options.ts';
import { compactStore, pruneStore } from './remove.ts';
import { rollUpStore } from './roll-up.ts';
import type { StoreEngine } from './store-engine.ts';

/** Writes between two compactions of a store with `maxVersionsPerKey`: each one reads what is stored. */
const WRITES_PER_COMPACTION = 16_384;
/** Retention is looked after this often within its length, and at most once a second. */
const PRUNES_PER_RETENTION = 16;
const PRUNES_APART_MS_LEAST = 1000;

/**
 * What a store does by itself: upkeep of the hot tier, retention, compaction, and the move into an archive. It goes along with writes, and
 * with `maintain`, which an alarm calls where writes may stop.
 */
export class StoreUpkeep {
  readonly #engine: StoreEngine;
  readonly #settings: StoreSettings;
  /** Undefined until it is asked for: what other instances have written counts too. */
  #writesSinceCompaction: number | undefined;

  constructor(engine: StoreEngine, settings: StoreSettings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  /** What is due, before so many writes: so what fails here is no answer to a write that was done. */
  beforeWrites(writes: number): void {
    // What is decided below, and about the writes, is decided by what is stored.
    this.#engine.refresh();
    this.#engine.upkeep();
    if (this.#engine.hasArchive) this.#engine.mover.moveBeside();
    else this.#pruneIfDue();
    this.#compactIfDue(writes);
  }

  /** What is due, for a bounded time; returns when something will be next (Unix ms), and undefined when nothing will be unless something is written. */
  async maintain(): Promise<number | undefined> {
    while (this.#engine.upkeep());
    await this.#engine.mover.moveDue();
    if (!this.#engine.hasArchive) this.#pruneIfDue();
    while (this.#engine.upkeep());
    const dueMs = Math.min(this.#engine.nextDueMs() ?? Infinity, this.#engine.mover.nextDueMs(), this.#pruneDueMs());
    // What is due at once has no time of its own, and no alarm is set to that.
    return dueMs === Infinity ? undefined : Math.max(dueMs, this.#settings.clock.nowMs());
  }

  /** Removes raw values older than a time (Unix ms), rolled up where there is a warm tier, and roll-ups older than that; returns how many samples. */
  prune(beforeMs: number): number {
    const { warmMs, rollupBucketMs, rollupAggregates, kept, clock } = this.#settings;
    const nowMs = clock.nowMs();
    const rolledUpBeforeMs = kept.rolledUpMs === undefined ? -Infinity : nowMs - kept.rolledUpMs;
    if (warmMs === undefined) return pruneStore(this.#engine, { rawBeforeMs: beforeMs, rolledUpBeforeMs, nowMs });
    // Whole buckets: one that is half removed, or still fills, could not be rolled up any more.
    const wholeMs = bucketStart(Math.min(beforeMs, nowMs), rollupBucketMs);
    if (wholeMs > rolledUpBeforeMs) rollUpStore(this.#engine, { fromMs: rolledUpBeforeMs, beforeMs: wholeMs, bucketMs: rollupBucketMs, aggregates: rollupAggregates });
    return pruneStore(this.#engine, { rawBeforeMs: wholeMs, rolledUpBeforeMs, nowMs });
  }

  /** Leaves each key its newest values, and returns how many were removed. */
  compact(maxVersionsPerKey: number): number {
    this.#writesSinceCompaction = 0;
    return compactStore(this.#engine, maxVersionsPerKey);
  }

  #pruneIfDue(): void {
    const { kept, clock } = this.#settings;
    if (kept.rawMs === undefined && kept.rolledUpMs === undefined) return;
    const nowMs = clock.nowMs();
    const { prunedMs } = this.#engine;
    const isFirst = prunedMs === undefined || prunedMs > nowMs;
    if (!isFirst && nowMs < prunedMs + this.#prunesApartMs) return;
    if (!isFirst) this.prune(kept.rawMs === undefined ? -Infinity : nowMs - kept.rawMs);
    // A crash before this prunes once more, and finds nothing.
    this.#engine.write(({ marks }) => marks.notePruned(nowMs));
  }

  /** When retention has something to remove next (Unix ms); Infinity when it never will unless something is written. */
  #pruneDueMs(): number {
    const { rawMs = Infinity, rolledUpMs = Infinity } = this.#settings.kept;
    if (this.#engine.hasArchive || Math.min(rawMs, rolledUpMs) === Infinity) return Infinity;
    const oldest = this.#engine.oldest();
    const dueMs = Math.min(oldest.rawMs + rawMs, oldest.rolledUpMs + rolledUpMs);
    return Math.max(dueMs, (this.#engine.prunedMs ?? -Infinity) + this.#prunesApartMs);
  }

  get #prunesApartMs(): number {
    const { rawMs = Infinity, rolledUpMs = Infinity } = this.#settings.kept;
    return Math.max(PRUNES_APART_MS_LEAST, Math.floor(Math.min(rawMs, rolledUpMs) / PRUNES_PER_RETENTION));
  }

  #compactIfDue(writes: number): void {
    const { maxVersionsPerKey } = this.#settings;
    if (maxVersionsPerKey === undefined) return;
    this.#writesSinceCompaction = (this.#writesSinceCompaction ?? this.#engine.samplesSinceCompaction) + writes;
    if (this.#writesSinceCompaction >= WRITES_PER_COMPACTION && !this.#engine.mover.isBegun) this.compact(maxVersionsPerKey);
  }
}
