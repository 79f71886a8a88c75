import { counted } from '../storage/runtime/counted.ts';
import type { ErrorKind } from '../storage/runtime/errors.ts';
import { addCounts, NOTHING_COUNTED, type WriteCounts } from './write-counts.ts';

/** What a request lost and why: everything is counted, by the kind of its reason, and the first few reasons are quoted. */
export class Rejections {
  readonly #quotedMax: number;
  readonly #quotes: string[] = [];
  #reasons = 0;
  readonly #byKind = new Map<ErrorKind, WriteCounts>();
  #kind: ErrorKind = 'bad-data';

  constructor(quotedMax: number) {
    this.#quotedMax = quotedMax;
  }

  get isEmpty(): boolean {
    return this.#reasons === 0;
  }

  get samples(): number {
    return this.counts.samples;
  }

  get counts(): WriteCounts {
    return [...this.#byKind.values()].reduce(addCounts, NOTHING_COUNTED);
  }

  /** The same by kind of reason. */
  get byKind(): ReadonlyMap<ErrorKind, WriteCounts> {
    return this.#byKind;
  }

  /**
   * What the answer's status follows from. A limit outweighs all else: a sender that honours 429 sends again, and what is bad is refused again.
   * Too many series outweigh bad data.
   */
  get kind(): ErrorKind {
    return this.#kind;
  }

  /** The reason is only made when it is quoted: a hostile request may have a million. A number counts samples. */
  add(kind: ErrorKind, counts: number | Partial<WriteCounts>, reason: () => string): void {
    this.#reasons++;
    this.count(kind, typeof counts === 'number' ? { samples: counts } : counts);
    if (kind !== 'bad-data' && this.#kind !== 'limit') this.#kind = kind;
    if (this.#quotes.length < this.#quotedMax) this.#quotes.push(reason());
  }

  /** More that is lost for a reason that has been given. */
  count(kind: ErrorKind, counts: Partial<WriteCounts>): void {
    this.#byKind.set(kind, addCounts(this.#byKind.get(kind) ?? NOTHING_COUNTED, { ...NOTHING_COUNTED, ...counts }));
  }

  /** A number counts samples. */
  message(stored: number | WriteCounts): string {
    const refusedCounts = this.counts;
    const storedCounts = typeof stored === 'number' ? { ...NOTHING_COUNTED, samples: stored } : stored;
    const storedText = isSamplesAlone(refusedCounts) && isSamplesAlone(storedCounts) ? String(storedCounts.samples) : countsText(storedCounts);
    return `${countsText(refusedCounts)} refused, ${storedText} stored: ${this.reasons()}`;
  }

  /** Those that are quoted, and how many there are besides. */
  reasons(): string {
    const more = this.#reasons - this.#quotes.length;
    return this.#quotes.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }
}

function isSamplesAlone({ histograms, exemplars }: WriteCounts): boolean {
  return histograms + exemplars === 0;
}

/** What there is any of; samples where there is nothing. */
function countsText({ samples, histograms, exemplars }: WriteCounts): string {
  const parts: string[] = [];
  if (samples > 0 || histograms + exemplars === 0) parts.push(counted(samples, 'sample'));
  if (histograms > 0) parts.push(counted(histograms, 'histogram'));
  if (exemplars > 0) parts.push(counted(exemplars, 'exemplar'));
  return parts.join(', ');
}
