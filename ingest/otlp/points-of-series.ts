import { grown } from '../../proto/grown.ts';
import { isLargeColumn } from '../../proto/write-columns.ts';

const INITIAL_SERIES = 4096;

/** In place of a point's number: the series is of no point. */
export const NO_POINT = 0xffffffff;

/** Numbers the series of a request in their order, and keeps of which point each is. */
export class PointsOfSeries {
  #points = new Uint32Array(INITIAL_SERIES);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The number of the next series, which is of the point. */
  add(point: number): number {
    const series = this.#count++;
    if (series >= this.#points.length) this.#points = grown(this.#points);
    this.#points[series] = point;
    return series;
  }

  /** The same of the next `count` series, and the number of the first. */
  addAll(point: number, count: number): number {
    const first = this.#count;
    const end = (this.#count = first + count);
    while (end > this.#points.length) this.#points = grown(this.#points);
    for (let series = first; series < end; series++) this.#points[series] = point;
    return first;
  }

  /** By number of the series: a copy. */
  toColumn(): Uint32Array {
    return this.#points.slice(0, this.#count);
  }

  /** Gives back what a large request took. */
  rest(): void {
    if (isLargeColumn(this.#points)) this.#points = new Uint32Array(INITIAL_SERIES);
  }
}
