import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { UNKNOWN } from './known-runs.ts';
import type { OtlpIdCache } from './otlp-id-cache.ts';
import type { OtlpLabels } from './otlp-labels.ts';

/** In a metric's entry, as at first: no period has this number. */
const NOT_NOTED = 0;

/**
 * Metadata of a request's metrics: once for each, and again in the next period for the sink to renew it. Making the texts each time would cost more
 * than the samples.
 */
export class NotedMetrics {
  readonly #cache: OtlpIdCache;
  readonly #labels: OtlpLabels;
  readonly #period: number;
  /** Entries of the metrics whose metadata this request has made. */
  readonly #entries: number[] = [];
  readonly #metadata: MetadataEntry[] = [];

  /** `period` is never 0. */
  constructor(cache: OtlpIdCache, labels: OtlpLabels, period: number) {
    this.#cache = cache;
    this.#labels = labels;
    this.#period = period;
  }

  /** To be noted. */
  get metadata(): readonly MetadataEntry[] {
    return this.#metadata;
  }

  /** Of the metric that has been begun, whose entry in the cache is `entry`, or UNKNOWN. */
  note(entry: number): void {
    if (entry !== UNKNOWN) {
      if (this.#cache.word(entry) === this.#period) return;
      this.#cache.setWord(entry, this.#period);
      this.#entries.push(entry);
    }
    const made = this.#labels.metadata();
    if (made !== undefined) this.#metadata.push(made);
  }

  /** As if none had been noted. Within the request: later the entries may be those of others. */
  takeBack(): void {
    for (const entry of this.#entries) this.#cache.setWord(entry, NOT_NOTED);
  }
}
