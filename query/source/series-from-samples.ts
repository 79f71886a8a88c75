import type { RawSeries } from '../../promql/series-source.ts';
import { compareLabels, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';

/** Series of all tiers that match all of some matchers, in label order. */
export type SelectSamples = (matchers: readonly Matcher[]) => AsyncIterable<RawSeries>;

/**
 * Single series from samples, asked for in label order: series that share their metric name, and the labels sorted before it, stand together
 * in that order, and one select answers for all of them. Native histograms come by the hundred under one name.
 */
export class SeriesFromSamples {
  readonly #select: SelectSamples;
  #prefix: Labels | undefined;
  #series: AsyncIterator<RawSeries> | undefined;
  #next: RawSeries | undefined;

  constructor(select: SelectSamples) {
    this.#select = select;
  }

  /** The series with these labels, which come behind those asked for before; `undefined` when there are no samples of it. */
  async find(labels: Labels): Promise<RawSeries | undefined> {
    const prefix = throughName(labels);
    if (this.#prefix === undefined || compareLabels(prefix, this.#prefix) !== 0) await this.#open(prefix);
    while (this.#next !== undefined && compareLabels(this.#next.labels, labels) < 0) await this.#advance();
    return this.#next !== undefined && compareLabels(this.#next.labels, labels) === 0 ? this.#next : undefined;
  }

  /** To be called when nothing more is asked for. */
  async close(): Promise<void> {
    await this.#series?.return?.();
    this.#series = this.#next = undefined;
  }

  async #open(prefix: Labels): Promise<void> {
    await this.close();
    this.#prefix = prefix;
    const matchers = Array.from({ length: prefix.length / 2 }, (_, i) => ({ name: prefix[i * 2]!, type: '=' as const, value: prefix[i * 2 + 1]! }));
    this.#series = this.#select(matchers)[Symbol.asyncIterator]();
    await this.#advance();
  }

  async #advance(): Promise<void> {
    const { done, value } = await this.#series!.next();
    this.#next = done === true ? undefined : value;
  }
}

/** The labels up to the metric's name. */
function throughName(labels: Labels): Labels {
  let end = 0;
  while (end < labels.length && labels[end]! <= METRIC_NAME) end += 2;
  return labels.slice(0, end);
}
