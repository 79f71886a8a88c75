import type { PointNumbers } from '../proto/otlp-histogram-points.ts';
import { formatDecimal } from '../storage/model/number-text.ts';
import type { SeriesNaming } from './otlp-labels.ts';

/** One series of a data point: how it is named, and the bytes that tell it from the point's other series. */
export interface SeriesPart extends SeriesNaming {
  readonly key: DataView;
  readonly keyStart: number;
  readonly keyEnd: number;
}

/** Keys of parts without a number: no two are the same, and none is as long as a number. */
const WORDS = 'sumcountinf';
const words = new DataView(new TextEncoder().encode(WORDS).buffer);

function wordPart(word: string, naming: Pick<SeriesNaming, 'suffix' | 'label'>, labelValue = ''): SeriesPart {
  const keyStart = WORDS.indexOf(word);
  return { ...naming, labelValue: () => labelValue, key: words, keyStart, keyEnd: keyStart + word.length };
}

/** The point as a whole. */
export const VALUE_PART: SeriesPart = { suffix: '', label: '', labelValue: () => '', key: words, keyStart: 0, keyEnd: 0 };
export const SUM_PART = wordPart('sum', { suffix: '_sum', label: '' });
export const COUNT_PART = wordPart('count', { suffix: '_count', label: '' });
export const INFINITY_PART = wordPart('inf', { suffix: '_bucket', label: 'le' }, '+Inf');

class NumberedPart implements SeriesPart {
  readonly suffix: string;
  readonly label: string;
  key = words;
  keyStart = 0;
  keyEnd = 0;
  #value = 0;

  constructor(suffix: string, label: string) {
    this.suffix = suffix;
    this.label = label;
  }

  readonly labelValue = (): string => formatDecimal(this.#value);

  of(numbers: PointNumbers, index: number): SeriesPart {
    this.key = numbers.view;
    this.keyStart = index * 8;
    this.keyEnd = index * 8 + 8;
    this.#value = numbers.values[index]!;
    return this;
  }
}

const bucket = new NumberedPart('_bucket', 'le');
const quantile = new NumberedPart('', 'quantile');

/** The bucket up to bound `index`; good until the next call. */
export function bucketPart(bounds: PointNumbers, index: number): SeriesPart {
  return bucket.of(bounds, index);
}

/** A quantile of a summary; good until the next call. */
export function quantilePart(quantiles: PointNumbers, index: number): SeriesPart {
  return quantile.of(quantiles, index);
}
