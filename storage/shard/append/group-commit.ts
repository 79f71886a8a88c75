import type { Linger } from './linger.ts';

export interface GroupCommitLimits<Item> {
  /** Items that are written together. */
  readonly itemsMax: number;
  /** What those take together that have no answer yet. */
  readonly bytesMax: number;
  readonly bytesOf: (item: Item) => number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what arrives while a commit is open waits, and goes into the next one together. A group that is smaller than what was outstanding
 * waits a little for company (linger.ts), with nothing written that reads would wait for, and with a timer only for as long as calls are
 * open: an idle object is not kept awake. Who arrives alone is written at once. Who finds too much waiting is sent away at once; who is alone
 * never is.
 */
export class GroupCommit<Item, Answer> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #committed: () => Promise<void>;
  readonly #settled: () => Promise<void>;
  readonly #limits: GroupCommitLimits<Item>;
  readonly #linger: Linger;
  #waiting: Waiting<Item, Answer>[] = [];
  #bytes = 0;
  #isOpen = false;

  /**
   * `write` writes items together before it first awaits, and comes to an answer for each, in their order; `committed` resolves when what was
   * written is durable, and `settled` when the next group may be written. Answers need not wait for either: the runtime holds them back until what they are of is durable.
   */
  constructor(write: (items: readonly Item[]) => Promise<readonly Answer[]>, committed: () => Promise<void>, settled: () => Promise<void>, limits: GroupCommitLimits<Item>, linger: Linger) {
    this.#write = write;
    this.#committed = committed;
    this.#settled = settled;
    this.#limits = limits;
    this.#linger = linger;
  }

  /** What those take that have no answer yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `undefined` when there is no room for the item. Rejects when the write or the commit before it failed: then the object is at its end. */
  add(item: Item): Promise<Answer> | undefined {
    const bytes = this.#limits.bytesOf(item);
    if (this.#bytes > 0 && this.#bytes + bytes > this.#limits.bytesMax) return undefined;
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes, resolve, reject });
      if (this.#isOpen) this.#linger.came(this.#waiting.length, this.#bytes);
      else void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isOpen = true;
    try {
      while (this.#waiting.length > 0) {
        if (this.#linger.isWorthwhile(this.#waiting.length, this.#bytes)) await this.#linger.wait();
        const group = this.#waiting.splice(0, this.#limits.itemsMax);
        this.#linger.noteGroup(group.length);
        await this.#writeGroup(group);
        await this.#committed();
        // Before those who are answered now can have come again.
        this.#linger.noteCommitted(this.#waiting.length);
        await this.#settled();
      }
    } catch (error) {
      for (const { bytes, reject } of this.#waiting.splice(0)) {
        this.#bytes -= bytes;
        reject(error);
      }
    } finally {
      this.#isOpen = false;
    }
  }

  async #writeGroup(group: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#write(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(answers[i]!));
    } catch (error) {
      for (const { reject } of group) reject(error);
      throw error;
    } finally {
      for (const { bytes } of group) this.#bytes -= bytes;
    }
  }
}
