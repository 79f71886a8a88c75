import type { ErrorKind } from '../storage/runtime/errors.ts';

/**
 * What a request lost and why: everything is counted, the first few are quoted. Kept by kind of refusal, since the status code depends on
 * whether sending again can help.
 */
export class Rejections {
  readonly #quotedMax: number;
  readonly #quotes: string[] = [];
  #reasons = 0;
  #samples = 0;
  #kind: ErrorKind = 'bad-data';

  constructor(quotedMax: number) {
    this.#quotedMax = quotedMax;
  }

  get isEmpty(): boolean {
    return this.#reasons === 0;
  }

  get samples(): number {
    return this.#samples;
  }

  /** A limit outweighs bad data: a sender that honours 429 sends again, and what is bad is refused again. */
  get kind(): ErrorKind {
    return this.#kind;
  }

  /** The reason is only made when it is quoted: a hostile request may have a million. */
  add(kind: ErrorKind, sampleCount: number, reason: () => string): void {
    this.#reasons++;
    this.#samples += sampleCount;
    if (kind !== 'bad-data') this.#kind = kind;
    if (this.#quotes.length < this.#quotedMax) this.#quotes.push(reason());
  }

  message(storedSamples: number): string {
    return `${this.#samples} samples refused, ${storedSamples} stored: ${this.reasons()}`;
  }

  /** Those that are quoted, and how many there are besides. */
  reasons(): string {
    const more = this.#reasons - this.#quotes.length;
    return this.#quotes.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }
}
