import { PointNumbers, type HistogramPoint, type SummaryPoint } from '../../proto/otlp-histogram-points.ts';
import { formatDecimal } from '../../storage/model/number-text.ts';
import { finiteBounds } from './otlp-histograms.ts';
import type { SeriesNaming } from './otlp-labels.ts';

/** The series that a data point is made of, numbered from 0. */
export interface PointParts {
  readonly count: number;
  /** The numbers that tell these parts from those of other points of the metric, bounds or quantiles: the first `numberCount` of them. */
  readonly numbers: PointNumbers;
  readonly numberCount: number;
  /** How a part is named; good until the next call. */
  naming(part: number): SeriesNaming;
}

/** Numbers of the first parts of a histogram or a summary. A histogram without a sum leaves the first one out. */
export const SUM_PART = 0;
export const COUNT_PART = 1;
/** The first bucket or quantile. */
export const FIRST_NUMBER_PART = 2;

const NO_NUMBERS = new PointNumbers(0);

function wordNaming(suffix: string, label = '', labelValue = ''): SeriesNaming {
  return { suffix, label, labelValue: () => labelValue };
}

const WHOLE = wordNaming('');
const SUM = wordNaming('_sum');
const COUNT = wordNaming('_count');
const INFINITY = wordNaming('_bucket', 'le', '+Inf');

/** A point that is one series. */
export const WHOLE_POINT: PointParts = { count: 1, numbers: NO_NUMBERS, numberCount: 0, naming: () => WHOLE };

class NumberNaming implements SeriesNaming {
  readonly suffix: string;
  readonly label: string;
  value = 0;

  constructor(suffix: string, label: string) {
    this.suffix = suffix;
    this.label = label;
  }

  readonly labelValue = (): string => formatDecimal(this.value);
}

/** Sum, count, a bucket for each finite bound, and the one that goes to infinity. */
export class ClassicHistogramParts implements PointParts {
  readonly #bucket = new NumberNaming('_bucket', 'le');
  numbers = NO_NUMBERS;
  numberCount = 0;
  count = 0;

  /** Those of a point, as long as it stays what it is. */
  of(point: HistogramPoint): this {
    this.numbers = point.bounds;
    // Without counts by bucket all observations are in the one that goes to infinity.
    this.numberCount = point.counts.length === 0 ? 0 : finiteBounds(point);
    this.count = FIRST_NUMBER_PART + this.numberCount + 1;
    return this;
  }

  naming(part: number): SeriesNaming {
    if (part < FIRST_NUMBER_PART) return part === SUM_PART ? SUM : COUNT;
    if (part === this.count - 1) return INFINITY;
    this.#bucket.value = this.numbers.values[part - FIRST_NUMBER_PART]!;
    return this.#bucket;
  }
}

/** Sum, count, and the quantiles. */
export class SummaryParts implements PointParts {
  readonly #quantile = new NumberNaming('', 'quantile');
  numbers = NO_NUMBERS;
  numberCount = 0;
  count = 0;

  /** Those of a point, as long as it stays what it is. */
  of({ quantiles }: SummaryPoint): this {
    this.numbers = quantiles;
    this.numberCount = quantiles.length;
    this.count = FIRST_NUMBER_PART + quantiles.length;
    return this;
  }

  naming(part: number): SeriesNaming {
    if (part < FIRST_NUMBER_PART) return part === SUM_PART ? SUM : COUNT;
    this.#quantile.value = this.numbers.values[part - FIRST_NUMBER_PART]!;
    return this.#quantile;
  }
}
