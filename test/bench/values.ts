import { Random } from './random.ts';
import type { SeriesKind, SeriesShape } from './shapes.ts';

/** Gauges are kept in hundredths, so that they have at most two decimals, as measured things have. */
const GAUGE_SCALE = 100;
/** At how many of 256 scrapes a series moves. Most real series rest most of the time, whatever their kind. */
const ACTIVITIES = [4, 16, 64, 160, 256];
const BUCKET_STEP_BOUND = 4;

/**
 * The values of a group of series, scrape after scrape. Always the same for the same seed: each group draws from its own generator, so it
 * does not matter in which order groups are asked.
 */
export class ValueGenerator {
  /** The current value of each series, ready to send. Belongs to the generator: read it before the next `advance`. */
  readonly values: Float64Array;
  readonly #kinds: readonly SeriesKind[];
  readonly #activities: Uint16Array;
  /** Each step is below this; a gauge goes as far down as up. */
  readonly #stepBounds: Int32Array;
  readonly #hundredths: Int32Array;
  readonly #random: Random;

  constructor(series: readonly SeriesShape[], seed: number) {
    this.#random = new Random(seed);
    this.#kinds = series.map((one) => one.kind);
    this.#activities = new Uint16Array(series.length);
    this.#stepBounds = new Int32Array(series.length);
    this.#hundredths = new Int32Array(series.length);
    this.values = new Float64Array(series.length);
    for (const [index, kind] of this.#kinds.entries()) this.#begin(index, kind);
  }

  /** On to the next scrape. */
  advance(): void {
    let bucketStep = 0;
    for (let index = 0; index < this.#kinds.length; index++) {
      const kind = this.#kinds[index]!;
      if (kind === 'constant') continue;
      if (kind === 'first-bucket') bucketStep = 0;
      const step = this.#random.below(256) < this.#activities[index]! ? 1 + this.#random.below(this.#stepBounds[index]!) : 0;
      switch (kind) {
        case 'counter':
          this.values[index]! += step;
          break;
        case 'gauge':
          if (step === 0) break;
          this.#hundredths[index]! += 2 * step - this.#stepBounds[index]! - 1;
          this.values[index] = this.#hundredths[index]! / GAUGE_SCALE;
          break;
        case 'first-bucket':
        case 'bucket':
          // Buckets are cumulative: each takes the steps of those below and adds its own.
          bucketStep += step;
          this.values[index]! += bucketStep;
          break;
      }
    }
  }

  #begin(index: number, kind: SeriesKind): void {
    this.#activities[index] = ACTIVITIES[this.#random.below(ACTIVITIES.length)]!;
    switch (kind) {
      case 'counter':
        // From single events to thousands of bytes a scrape.
        this.#stepBounds[index] = 2 ** this.#random.below(12);
        this.values[index] = 1_000_000 + this.#random.below(1_000_000_000);
        break;
      case 'gauge':
        this.#stepBounds[index] = 2 ** (1 + this.#random.below(6));
        this.#hundredths[index] = 100_000 + this.#random.below(1_000_000);
        this.values[index] = this.#hundredths[index]! / GAUGE_SCALE;
        break;
      case 'constant':
        this.values[index] = 1 + this.#random.below(1_000);
        break;
      case 'first-bucket':
        this.#stepBounds[index] = BUCKET_STEP_BOUND;
        this.values[index] = 10_000;
        break;
      case 'bucket':
        this.#stepBounds[index] = BUCKET_STEP_BOUND;
        this.values[index] = this.values[index - 1]! + 10_000;
        break;
    }
  }
}
