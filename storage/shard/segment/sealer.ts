import type { StoreParts } from '../upkeep.ts';
import { keepUpkeepCompiled } from './kept-objects.ts';
import { SealInSteps } from './seal-in-steps.ts';

/**
 * Turns the log into segments. A log that is full is sealed while the next one grows behind it: each batch that comes pays its part of the
 * seal, so that nothing waits for all of it, and it is through before the room that a log has beyond its limits is used up.
 */
export class Sealer {
  readonly #parts: StoreParts;
  readonly #transaction: <T>(body: () => T) => T;
  readonly #onSealed: () => void;
  #seal: SealInSteps | undefined;
  /** When the first sample of the log was accepted, or earlier, Unix ms. */
  #logSinceMs: number;

  /** `transaction` refuses when another instance has changed storage since; `onSealed` is told of each seal that is through. */
  constructor(parts: StoreParts, transaction: <T>(body: () => T) => T, onSealed: () => void) {
    this.#parts = parts;
    this.#transaction = transaction;
    this.#onSealed = onSealed;
    const [state] = parts.sql.all<{ log_since_ms: number | null }>('SELECT log_since_ms FROM shard_state WHERE id = 1');
    this.#logSinceMs = state!.log_since_ms ?? parts.clock.nowMs();
  }

  get isUnderWay(): boolean {
    return this.#seal !== undefined;
  }

  /** When the log is to be sealed because it is old, Unix ms; Infinity when it is empty. */
  get logDueMs(): number {
    const { head, limits } = this.#parts;
    return head.count === 0 ? Infinity : this.#logSinceMs + limits.logAgeMsMax;
  }

  /** Whether a stored row is one that a seal under way has filled. */
  holds(segment: number): boolean {
    return this.#seal?.holds(segment) === true;
  }

  /** The log is empty and takes its first batch, inside the caller's transaction. */
  noteLogBegins(nowMs: number): void {
    this.#parts.sql.run('UPDATE shard_state SET log_since_ms = ? WHERE id = 1', nowMs);
    this.#logSinceMs = nowMs;
  }

  /** The log is taken back, or is to be sealed from its beginning: what a seal under way has made of it goes with the next sweep. */
  forget(): void {
    this.#seal = undefined;
  }

  /** Writes the whole log out as segments and frees it. */
  sealAll(): void {
    while (this.#parts.head.count > 0) this.sealOn(Infinity);
  }

  /**
   * Goes on with the seal that is under way for so many samples, a step's unless told otherwise, or begins one of what the log holds now. Behind its last step the log begins
   * with what has come meanwhile.
   */
  sealOn(samples: number = this.#parts.limits.sealStepSamples): void {
    const { sql, head, wal, series, segments, limits, clock } = this.#parts;
    if (head.count === 0) return;
    const seal = (this.#seal ??= new SealInSteps(segments, head, series.index, limits, wal.lastSequence, clock.nowMs()));
    const isDone = this.#transaction(() => {
      const added = seal.step(samples);
      if (added === undefined) return false;
      segments.become({ live: [...segments.live, ...added], floorMs: segments.floorMs });
      // Commit point of the seal: this transaction, its last step's. A crash before it leaves the WAL as it was, and segment rows that are in
      // no list; a crash behind it leaves the segments, and WAL rows that are void by their sequence. The rows behind those stay the log.
      wal.markSealed(seal.throughSequence);
      if (head.count > seal.entryCount) sql.run('UPDATE shard_state SET log_since_ms = ? WHERE id = 1', seal.begunMs);
      return true;
    });
    if (!isDone) return;
    this.#seal = undefined;
    wal.restart(seal.throughSequence);
    head.dropFirst(seal.entryCount);
    this.#logSinceMs = seal.begunMs;
    this.#onSealed();
    // Last: nothing of the store hangs on it.
    keepUpkeepCompiled();
  }

  /**
   * Before a batch is written: begins a seal when the log is full, does the batch's part of one that is under way, at most a step of it, and all
   * of it when the batch finds no room otherwise.
   */
  makeRoom(samples: number, rows: number, payloadBytes: number): void {
    const { head, limits } = this.#parts;
    const used = this.#usedWith(samples, rows, payloadBytes);
    if (this.#seal !== undefined) {
      const due = Math.ceil((this.#dueProgress(used) - this.#seal.progress) * this.#seal.cost);
      if (due > 0) this.sealOn(Math.min(due, limits.sealStepSamples));
    } else if (used > 1) this.sealOn(0);
    while (head.count > 0 && this.#usedWith(samples, rows, payloadBytes) > 1 + limits.logRoomShare) this.sealOn(Infinity);
  }

  /** Whether the seal under way has fallen behind the log: it should go on before more is written, or a write may have to wait for the rest of it. */
  get isBehind(): boolean {
    return this.#seal !== undefined && this.#seal.progress < this.#dueProgress(this.#usedWith(0, 0, 0));
  }

  /** What the log holds with so much more, as a share of what it is sealed at. */
  #usedWith(samples: number, rows: number, payloadBytes: number): number {
    const { head, wal, limits } = this.#parts;
    const payloads = head.payloadBytes === 0 ? 0 : (head.payloadBytes + payloadBytes) / limits.logPayloadBytesMax;
    return Math.max((head.count + samples) / limits.logEntriesMax, (wal.rowCount + rows) / limits.walSlotsMax, payloads);
  }

  /** How far a seal should be when so much of the log is used: through with a fifth of the room left, since steps are not exact. */
  #dueProgress(used: number): number {
    return Math.min(1, ((used - 1) / this.#parts.limits.logRoomShare) * 1.25);
  }
}
