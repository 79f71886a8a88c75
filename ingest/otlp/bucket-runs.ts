import { grown } from '../../proto/grown.ts';
import type { BucketColumn, NumberColumn } from '../../storage/chunk/index.ts';

/** A gap of more empty buckets begins a new span; fewer are written out, which is shorter. */
const GAP_BUCKETS_MAX = 2;

/** Buckets by rising index, as counts in a row and the spans that they stand in; used again for one point after the other. */
export class BucketRuns implements BucketColumn {
  spans: { offset: number; length: number }[] = [];
  /** Their counts. */
  values = new Float64Array(64);
  length = 0;
  /** Of all counts. */
  total = 0;
  /** Of the last bucket written. */
  #index = 0;

  clear(): void {
    this.spans = [];
    this.length = this.total = this.#index = 0;
  }

  /** The count of one bucket; two of the same index are added up. */
  add(index: number, count: number): void {
    if (count === 0) return;
    if (this.length > 0 && index === this.#index) this.values[this.length - 1]! += count;
    else {
      this.#reach(index);
      this.#reserve(1);
      this.values[this.length++] = count;
      this.spans[this.spans.length - 1]!.length++;
      this.#index = index;
    }
    this.total += count;
  }

  /** Counts of the buckets from `index` on, which come behind all that have been added. */
  addAll(index: number, { values: counts, length }: NumberColumn): void {
    let i = 0;
    for (;;) {
      while (i < length && counts[i] === 0) i++;
      if (i >= length) return;
      this.#reach(index + i);
      this.#reserve(length - i);
      const { values } = this;
      const start = this.length;
      let at = start;
      let total = 0;
      for (; i < length && counts[i] !== 0; i++) {
        const count = counts[i]!;
        values[at++] = count;
        total += count;
      }
      this.total += total;
      this.length = at;
      this.#index = index + i - 1;
      this.spans[this.spans.length - 1]!.length += at - start;
    }
  }

  /** Makes the bucket at `index` the next one: by empty ones in between, or by a new span. */
  #reach(index: number): void {
    const gap = index - this.#index - 1;
    if (this.length > 0 && gap <= GAP_BUCKETS_MAX) {
      this.#reserve(gap);
      for (let empty = 0; empty < gap; empty++) this.values[this.length++] = 0;
      this.spans[this.spans.length - 1]!.length += gap;
    } else this.spans.push({ offset: this.length === 0 ? index : gap, length: 0 });
  }

  #reserve(count: number): void {
    while (this.length + count > this.values.length) this.values = grown(this.values);
  }
}
