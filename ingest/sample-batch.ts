import type { SampleColumns } from '../storage/shard/append-message.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

const INITIAL_SERIES = 4096;

/**
 * The one normalized form of incoming samples, whatever the protocol: parallel columns, reused from request to request, so whoever needs
 * the content across an `await` copies it first (encodeAppendMessage does). 
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

  /** Begins a series with the id at `source` of the columns; `source` is its position in the request. Samples follow, then `endSeries`. */
  beginSeries(source: number, ids: SeriesIdColumns): void {
    const index = this.seriesCount;
    if (index >= this.idLow.length) this.#growSeries();
    this.idLow[index] = ids.low[source]!;
    this.idHigh[index] = ids.high[source]!;
    this.idCheck[index] = ids.check[source]!;
    this.source[index] = source;
  }

  /** A series that got no sample, since all were refused or none came, leaves no trace. */
  endSeries(): void {
    const start = this.seriesCount === 0 ? 0 : this.sampleEnd[this.seriesCount - 1]!;
    if (this.sampleCount > start) this.sampleEnd[this.seriesCount++] = this.sampleCount;
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
