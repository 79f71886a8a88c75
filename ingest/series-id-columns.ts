import { isLargeColumn } from '../proto/write-columns.ts';

const INITIAL_SERIES = 4096;

/** The id of each series of a request. */
export class SeriesIdColumns {
  low = new Uint32Array(INITIAL_SERIES);
  high = new Uint32Array(INITIAL_SERIES);
  check = new Uint32Array(INITIAL_SERIES);
  /** 1 where the labels were refused and there is no id. */
  isRefused = new Uint8Array(INITIAL_SERIES);

  get isLarge(): boolean {
    return isLargeColumn(this.low);
  }

  reserve(seriesCount: number): void {
    if (seriesCount <= this.low.length) return;
    const capacity = Math.max(seriesCount, this.low.length * 2);
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
    this.check = new Uint32Array(capacity);
    this.isRefused = new Uint8Array(capacity);
  }

  set(index: number, id: Uint32Array): void {
    this.low[index] = id[0]!;
    this.high[index] = id[1]!;
    this.check[index] = id[2]!;
  }
}
