import type { CacheShare } from '../../storage/runtime/cache-budget.ts';
import { NOT_KEPT, type ByteArena } from './byte-arena.ts';

/** No such run or entry. */
export const UNKNOWN = -1;

const INITIAL_RUNS = 1024;
/** Words of a run: hash, whom it belongs to, position and length of its bytes. */
const RUN_WORDS = 6;
const OWNER_AT = 3;
const BYTES_AT = 4;
const LENGTH_AT = 5;
/** In LENGTH_AT beside the length, where the bytes must not be compared as doubles. */
const NOT_AS_DOUBLES = 0x80000000;
/** A run, and its two buckets. */
const RUN_BYTES = RUN_WORDS * 4 + 2 * 4;

/**
 * Runs of bytes, each known once however often it comes, and numbered from 0. They are compared with the bytes that are kept of them: exact, and
 * three times cheaper than hashing; where none are, or it is not known which run it might be, the bytes' hash decides. It is keyed, 96 bits
 * long, and compared in full. A run belongs to an owner, the tenant: the same bytes of another are another run.
 */
export class KnownRuns {
  readonly #share: CacheShare;
  readonly #arena: ByteArena;
  /** What may be kept of bytes; what is beyond is known by its hash. */
  readonly #bytesMax: number;
  #bytes = 0;
  #runs = new Uint32Array(0);
  #count = 0;
  /** Run number plus 1, or 0 where it is free; at most half full, a power of two. */
  #buckets = new Uint32Array(1);

  constructor(arena: ByteArena, share: CacheShare, bytesMax: number) {
    this.#arena = arena;
    this.#share = share;
    this.#bytesMax = bytesMax;
  }

  /** Whether it is known by its bytes that those from `start` to `end` are this run's, whose owner is the same. */
  isSame(run: number, view: DataView, start: number, end: number): boolean {
    return this.#lengthOf(run) === end - start && this.#beginsWith(run, view, start, end);
  }

  /** The run's length where it is known by its bytes that it stands at `start`, and not beyond `end`; otherwise 0. */
  lengthAt(run: number, view: DataView, start: number, end: number): number {
    const length = this.#lengthOf(run);
    return length <= end - start && this.#beginsWith(run, view, start, start + length) ? length : 0;
  }

  #lengthOf(run: number): number {
    return this.#runs[run * RUN_WORDS + LENGTH_AT]! & ~NOT_AS_DOUBLES;
  }

  /** `end` is where the run would end. */
  #beginsWith(run: number, view: DataView, start: number, end: number): boolean {
    const at = run * RUN_WORDS;
    const length = this.#runs[at + LENGTH_AT]!;
    const kept = this.#runs[at + BYTES_AT]!;
    if (kept === NOT_KEPT) return false;
    const arena = this.#arena;
    let index = arena.indexOf(kept);
    let position = start | 0;
    if (length < NOT_AS_DOUBLES) {
      // Eight bytes a comparison, as doubles: those that are kept are no zeros and no NaN, and all other doubles equal nothing but themselves.
      const doubles = arena.doublesAt(kept);
      for (; position + 32 <= end; position += 32, index += 4) {
        if (
          view.getFloat64(position, true) !== doubles[index] ||
          view.getFloat64(position + 8, true) !== doubles[index + 1] ||
          view.getFloat64(position + 16, true) !== doubles[index + 2] ||
          view.getFloat64(position + 24, true) !== doubles[index + 3]
        ) {
          return false;
        }
      }
      for (; position + 8 <= end; position += 8, index++) if (view.getFloat64(position, true) !== doubles[index]) return false;
    }
    const bytes = arena.bytesAt(kept);
    for (let byte = index << 3; position < end; position++, byte++) if (view.getUint8(position) !== bytes[byte]) return false;
    return true;
  }

  /** The owner's run with this hash, or UNKNOWN. */
  find(hash: Uint32Array, owner: number): number {
    const runs = this.#runs;
    const mask = this.#buckets.length - 1;
    for (let bucket = hash[0]! & mask; ; bucket = (bucket + 1) & mask) {
      const run = this.#buckets[bucket]! - 1;
      if (run < 0) return UNKNOWN;
      const at = run * RUN_WORDS;
      if (runs[at] === hash[0] && runs[at + 1] === hash[1] && runs[at + 2] === hash[2] && runs[at + OWNER_AT] === owner) return run;
    }
  }

  /** A run that is not known, whose hash is `hash`; UNKNOWN when there is no room. */
  add(view: DataView, start: number, end: number, hash: Uint32Array, owner: number): number {
    if ((this.#count + 1) * RUN_WORDS > this.#runs.length && !this.#grow()) return UNKNOWN;
    const run = this.#count++;
    const at = run * RUN_WORDS;
    this.#runs.set(hash, at);
    this.#runs[at + OWNER_AT] = owner;
    this.#keepBytes(at, view, start, end);
    this.#place(run);
    return run;
  }

  /** Some of the run's hash, by which others may place what they know of it. */
  hashWord(run: number): number {
    return this.#runs[run * RUN_WORDS]!;
  }

  /** Forgets everything and lets go of the memory, and so must the arena. */
  empty(): void {
    this.#count = this.#bytes = 0;
    this.#runs = new Uint32Array(0);
    this.#buckets = new Uint32Array(1);
  }

  #keepBytes(at: number, view: DataView, start: number, end: number): void {
    const length = end - start;
    const isRoom = this.#bytes + length <= this.#bytesMax;
    const kept = isRoom ? this.#arena.allocate(length) : NOT_KEPT;
    this.#runs[at + BYTES_AT] = kept;
    this.#runs[at + LENGTH_AT] = length;
    if (kept === NOT_KEPT) return;
    this.#bytes += length;
    const index = this.#arena.indexOf(kept);
    if (length > 0) this.#arena.bytesAt(kept).set(new Uint8Array(view.buffer, view.byteOffset + start, length), index * 8);
    for (let i = 0; i < length >>> 3; i++) {
      const double = this.#arena.doublesAt(kept)[index + i]!;
      if (double === 0 || Number.isNaN(double)) this.#runs[at + LENGTH_AT] = length + NOT_AS_DOUBLES;
    }
  }

  #place(run: number): void {
    const mask = this.#buckets.length - 1;
    let bucket = this.#runs[run * RUN_WORDS]! & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = run + 1;
  }

  #grow(): boolean {
    const capacity = this.#runs.length / RUN_WORDS;
    const wanted = Math.max(INITIAL_RUNS, capacity * 2);
    if (!this.#share.take((wanted - capacity) * RUN_BYTES, this.#runs.byteLength)) return false;
    const larger = new Uint32Array(wanted * RUN_WORDS);
    larger.set(this.#runs);
    this.#runs = larger;
    this.#buckets = new Uint32Array(wanted * 2);
    for (let run = 0; run < this.#count; run++) this.#place(run);
    return true;
  }
}
