/**
 * How many calls of one shard a query has under way at a time; the others wait here, in their order. A shard takes what it is asked in the order
 * in which it came, so a write behind hundreds of selects would wait for all of them.
 */
export class ShardTurns {
  readonly #atOnceMax: number;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** Runs `call` when it is its turn, which the next one has when it has settled. */
  async take<T>(call: () => Promise<T>): Promise<T> {
    if (this.#underWay < this.#atOnceMax) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }
}
