interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Natural group commit: what arrives while a commit is open waits, and goes into the next one together. Who arrives alone is written at
 * once. There are no timers: nothing waits for company, and an idle object is not kept awake.
 */
export class GroupCommit<Item, Answer> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #committed: () => Promise<void>;
  readonly #groupMax: number;
  #waiting: Waiting<Item, Answer>[] = [];
  #isOpen = false;

  /**
   * `write` writes items together before it first awaits, and comes to an answer for each, in their order; `committed` resolves when what was
   * written is durable. Answers need not wait for that: the runtime holds them back until it is.
   */
  constructor(write: (items: readonly Item[]) => Promise<readonly Answer[]>, committed: () => Promise<void>, groupMax: number) {
    this.#write = write;
    this.#committed = committed;
    this.#groupMax = groupMax;
  }

  /** Rejects when the write or the commit before it failed: then the object is at its end. */
  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isOpen) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isOpen = true;
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting.splice(0, this.#groupMax);
        try {
          const answers = await this.#write(group.map(({ item }) => item));
          group.forEach(({ resolve }, i) => resolve(answers[i]!));
        } catch (error) {
          for (const { reject } of group) reject(error);
          throw error;
        }
        await this.#committed();
      }
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    } finally {
      this.#isOpen = false;
    }
  }
}
