import type { SampleColumns } from '../storage/shard/append-message.ts';

const INITIAL_SERIES = 4096;

/**
 * The one normalized form of incoming samples, whatever the protocol: parallel columns, reused from request to request, so whoever needs
 * the content across an `await` copies it first (encodeAppendMessage does). A series is added by `addSeries`, then its samples by `addSample`.
 */
export class SampleBatch implements SampleColumns {
  seriesCount = 0;
  sampleCount = 0;
  idLow = new Uint32Array(INITIAL_SERIES);
  idHigh = new Uint32Array(INITIAL_SERIES);
  idCheck = new Uint32Array(INITIAL_SERIES);
  sampleEnd = new Uint32Array(INITIAL_SERIES);
  timestampsMs = new Float64Array(INITIAL_SERIES);
  valueBits = new Uint32Array(INITIAL_SERIES * 2);
  /** Position in the request of each series, to find its labels again. */
  source = new Uint32Array(INITIAL_SERIES);

  clear(): void {
    this.seriesCount = 0;
    this.sampleCount = 0;
  }

  /** Makes room for one more series and returns its position; the caller writes the id there and calls `endSeries` after the samples. */
  beginSeries(source: number): number {
    const index = this.seriesCount;
    if (index >= this.idLow.length) this.#growSeries();
    this.source[index] = source;
    return index;
  }

  endSeries(): void {
    this.sampleEnd[this.seriesCount++] = this.sampleCount;
  }

  addSample(timestampMs: number, bitsLow: number, bitsHigh: number): void {
    const index = this.sampleCount++;
    if (index >= this.timestampsMs.length) this.#growSamples();
    this.timestampsMs[index] = timestampMs;
    this.valueBits[index * 2] = bitsLow;
    this.valueBits[index * 2 + 1] = bitsHigh;
  }

  #growSeries(): void {
    const grown = (column: Uint32Array): Uint32Array<ArrayBuffer> => {
      const larger = new Uint32Array(column.length * 2);
      larger.set(column);
      return larger;
    };
    this.idLow = grown(this.idLow);
    this.idHigh = grown(this.idHigh);
    this.idCheck = grown(this.idCheck);
    this.sampleEnd = grown(this.sampleEnd);
    this.source = grown(this.source);
  }

  #growSamples(): void {
    const timestampsMs = new Float64Array(this.timestampsMs.length * 2);
    timestampsMs.set(this.timestampsMs);
    this.timestampsMs = timestampsMs;
    const valueBits = new Uint32Array(this.valueBits.length * 2);
    valueBits.set(this.valueBits);
    this.valueBits = valueBits;
  }
}
