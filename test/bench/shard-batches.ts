import { labelsFrom } from '../../storage/model/labels.ts';
import { SeriesHasher, SERIES_HASH_KEY_BYTES } from '../../storage/model/series-id.ts';
import { encodeAppendMessage, withDefinitions, type SampleColumns } from '../../storage/shard/append/append-message.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import type { SeriesShape } from './shapes.ts';
import { ValueGenerator } from './values.ts';

/** Requests of a scrape as they reach a shard: the same series each time, labels only when the shard asks for them. */
export class ShardBatch {
  readonly #columns: SampleColumns & { readonly timestampsMs: Float64Array };
  readonly #values: Float64Array;
  /** Until the shard knows them. */
  #series: readonly SeriesShape[];
  readonly #generator: ValueGenerator;

  constructor(series: readonly SeriesShape[], seed: number, hasher: SeriesHasher) {
    const words = series.map(({ labels }) => {
      hasher.hashLabels(labels.flat());
      return hasher.words.slice();
    });
    const column = (word: number): Uint32Array => Uint32Array.from(words, (id) => id[word]!);
    this.#series = series;
    this.#generator = new ValueGenerator(series, seed);
    this.#values = new Float64Array(series.length);
    this.#columns = {
      seriesCount: series.length,
      sampleCount: series.length,
      idLow: column(0),
      idHigh: column(1),
      idCheck: column(2),
      sampleEnd: Uint32Array.from(series, (_, i) => i + 1),
      timestampsMs: new Float64Array(series.length),
      valueBits: new Uint32Array(this.#values.buffer),
    };
  }

  get sampleCount(): number {
    return this.#columns.sampleCount;
  }

  /** The next scrape's values, encoded as they leave the Worker: what sends them. */
  prepare(timestampMs: number): (store: HotStore) => void {
    this.#generator.advance();
    this.#values.set(this.#generator.values);
    this.#columns.timestampsMs.fill(timestampMs);
    const message = encodeAppendMessage(this.#columns, new Map());
    return (store) => this.#send(store, message);
  }

  #send(store: HotStore, message: ArrayBuffer): void {
    let answer = store.append(message);
    if (answer.status === 'unknown-series') {
      const definitions = new Map([...answer.positions].map((position) => [position, labelsFrom(Object.fromEntries(this.#series[position]!.labels))]));
      answer = store.append(withDefinitions(message, definitions));
      this.#series = [];
    }
    if (answer.status !== 'stored' || answer.refusals.length > 0) throw new Error(`refused: ${JSON.stringify(answer)}`);
  }
}

export function shardBatches(series: readonly SeriesShape[], seed: number, seriesPerBatch: number): ShardBatch[] {
  const hasher = new SeriesHasher(new Uint8Array(SERIES_HASH_KEY_BYTES).fill(7));
  const batches: ShardBatch[] = [];
  for (let start = 0; start < series.length; start += seriesPerBatch) {
    batches.push(new ShardBatch(series.slice(start, start + seriesPerBatch), seed + start, hasher));
  }
  return batches;
}
