import type { ErrorKind } from '../storage/runtime/errors.ts';

/** How much of what. */
export interface WriteCounts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

/**
 * What a request lost and why: everything is counted, the first few are quoted. Kept by kind of refusal, since the status code depends on
 * whether sending again can help.
 */
export class Rejections {
  readonly #quotedMax: number;
  readonly #quotes: string[] = [];
  #reasons = 0;
  #samples = 0;
  #histograms = 0;
  #exemplars = 0;
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

  get counts(): WriteCounts {
    return { samples: this.#samples, histograms: this.#histograms, exemplars: this.#exemplars };
  }

  /** A limit outweighs all else: a sender that honours 429 sends again, and what is bad is refused again. Too many series outweigh bad data. */
  get kind(): ErrorKind {
    return this.#kind;
  }

  /** The reason is only made when it is quoted: a hostile request may have a million. A number counts samples. */
  add(kind: ErrorKind, counts: number | Partial<WriteCounts>, reason: () => string): void {
    this.#reasons++;
    this.count(typeof counts === 'number' ? { samples: counts } : counts);
    if (kind !== 'bad-data' && this.#kind !== 'limit') this.#kind = kind;
    if (this.#quotes.length < this.#quotedMax) this.#quotes.push(reason());
  }

  /** More that is lost for a reason that has been given. */
  count({ samples = 0, histograms = 0, exemplars = 0 }: Partial<WriteCounts>): void {
    this.#samples += samples;
    this.#histograms += histograms;
    this.#exemplars += exemplars;
  }

  /** A number counts samples. */
  message(stored: number | WriteCounts): string {
    const { samples, histograms, exemplars } = typeof stored === 'number' ? { samples: stored, histograms: 0, exemplars: 0 } : stored;
    const storedText = histograms + exemplars === 0 ? String(samples) : countsText({ samples, histograms, exemplars });
    return `${countsText(this.counts)} refused, ${storedText} stored: ${this.reasons()}`;
  }

  /** Those that are quoted, and how many there are besides. */
  reasons(): string {
    const more = this.#reasons - this.#quotes.length;
    return this.#quotes.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }
}

/** Samples are always named, the others where there are any. */
function countsText({ samples, histograms, exemplars }: WriteCounts): string {
  const parts = [`${samples} samples`];
  if (histograms > 0) parts.push(`${histograms} histograms`);
  if (exemplars > 0) parts.push(`${exemplars} exemplars`);
  return parts.join(', ');
}
