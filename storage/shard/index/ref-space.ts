import type { Random } from '../../runtime/random.ts';

/** Random words of the instance, and how often it has read its registry anew. */
export const REF_SPACE_WORDS = 3;
const INSTANCE_WORDS = REF_SPACE_WORDS - 1;

/**
 * Within what refs that were told to a sender are those of the same series: an instance of the shard, until its registry is read anew and refs
 * of series that are gone may be given to others. Whoever names series by refs names their space with them; those of another space are not known,
 * be they of an instance before or of another shard. Nothing of this is stored.
 */
export class RefSpace {
  readonly #instance = new Uint32Array(INSTANCE_WORDS);

  constructor(random: Random) {
    random.fill(new Uint8Array(this.#instance.buffer));
  }

  /** `generation` is the registry's. */
  nameAt(generation: number): Uint32Array {
    return Uint32Array.of(...this.#instance, generation);
  }

  is(name: Uint32Array, generation: number): boolean {
    return name[0] === this.#instance[0] && name[1] === this.#instance[1] && name[INSTANCE_WORDS] === generation;
  }
}

/**
 * The mix with the next series' id in it. Both sides make it, each of its own ids: whatever went wrong, no sample is stored under another
 * series than the sender meant.
 */
export function mixedWith(mix: number, idLow: number): number {
  return (Math.imul(mix, 0x9e3779b1) + idLow) >>> 0;
}
