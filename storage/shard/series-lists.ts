import { crc32 } from 'node:zlib';
import type { LIMITS } from '../runtime/limits.ts';
import type { Random } from '../runtime/random.ts';
import { hasOneFloatEach, type BatchSamples } from './append-message.ts';
import { LIST_NAME_WORDS } from './listed-message.ts';

type ListLimits = Pick<typeof LIMITS, 'seriesListRefsMax' | 'seriesListSeriesMin'>;

/** Of a name, words that only this instance gives. */
const INSTANCE_WORDS = LIST_NAME_WORDS - 1;

/**
 * Lists of refs that a shard's instance remembers for its senders: whose requests have the same series in the same order each time names the
 * list instead of sending their ids, of which each would have to be looked up.
 *
 * Names are given here, never by a sender, and none twice: random words of the instance, and a number. So whoever has a name has it for this very
 * list, and a replaced instance's names, and those of lists that are forgotten, are not known and are answered so. Refs stay those of their series
 * until the registry is read anew, when all lists are forgotten. Nothing of this is stored.
 *
 * Bounded in refs: when it is full nothing is added, until so much was wanted that what it holds must be old; then it starts empty.
 */
export class SeriesLists {
  readonly #limits: ListLimits;
  readonly #instance = new Uint32Array(INSTANCE_WORDS);
  readonly #lists = new Map<number, Uint32Array>();
  /** By CRC-32 of the refs: several Workers ask for the same list. */
  readonly #numbers = new Map<number, number>();
  #nextNumber = 1;
  #refCount = 0;
  #missesWhileFull = 0;
  #generation = 0;

  constructor(random: Random, limits: ListLimits) {
    this.#limits = limits;
    random.fill(new Uint8Array(this.#instance.buffer));
  }

  /** The refs of a list, not to be changed; `undefined` when there is no such list. `generation` is the registry's. */
  find(name: Uint32Array, generation: number): Uint32Array | undefined {
    this.#follow(generation);
    if (name[0] !== this.#instance[0] || name[1] !== this.#instance[1]) return undefined;
    return this.#lists.get(name[INSTANCE_WORDS]!);
  }

  /** Keeps the refs of a batch and answers with the name of the list; `undefined` when there is no room, or the batch is none that a list could stand for. */
  keep(batch: BatchSamples, refs: Uint32Array, generation: number): Uint32Array | undefined {
    const { seriesListSeriesMin, seriesListRefsMax } = this.#limits;
    if (refs.length < seriesListSeriesMin || refs.length > seriesListRefsMax || !hasOneFloatEach(batch)) return undefined;
    this.#follow(generation);
    const hash = crc32(new Uint8Array(refs.buffer, refs.byteOffset, refs.byteLength));
    const known = this.#numbers.get(hash);
    if (known !== undefined && isSame(this.#lists.get(known)!, refs)) return this.#nameOf(known);
    if (this.#refCount + refs.length > seriesListRefsMax) {
      if (++this.#missesWhileFull <= this.#lists.size * 2) return undefined;
      this.#clear();
    }
    const number = this.#nextNumber++;
    this.#lists.set(number, refs);
    this.#numbers.set(hash, number);
    this.#refCount += refs.length;
    return this.#nameOf(number);
  }

  #nameOf(number: number): Uint32Array {
    return Uint32Array.of(...this.#instance, number);
  }

  #follow(generation: number): void {
    if (generation !== this.#generation) this.#clear();
    this.#generation = generation;
  }

  /** Numbers go on: names of before are never given to other lists. */
  #clear(): void {
    this.#lists.clear();
    this.#numbers.clear();
    this.#refCount = this.#missesWhileFull = 0;
  }
}

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
