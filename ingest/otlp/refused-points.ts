import { NO_POINT } from './points-of-series.ts';

/**
 * Which data points of a request its shards have refused, in whole or in part. Shards refuse series and samples; senders are told of points,
 * and a histogram is many series.
 */
export class RefusedPoints {
  readonly #pointOf: Uint32Array;
  readonly #known: ReadonlySet<number>;
  readonly #refused = new Set<number>();

  /** `pointOf` has the point of each series of the request; `known` points have been refused, and counted, before. */
  constructor(pointOf: Uint32Array, known: ReadonlySet<number>) {
    this.#pointOf = pointOf;
    this.#known = known;
  }

  /** Series, by their numbers in the request, of which something was left out. */
  add(series: Uint32Array): void {
    for (const number of series) {
      const point = this.#pointOf[number]!;
      if (point !== NO_POINT && !this.#known.has(point)) this.#refused.add(point);
    }
  }

  /** Each point once. */
  get count(): number {
    return this.#refused.size;
  }
}
