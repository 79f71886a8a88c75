import { NO_PAYLOADS, TIMESTAMP_MS_MAX } from '../chunk/index.ts';
import { formatLabels, type Labels } from '../model/labels.ts';
import { SERIES_HASH_KEY_BYTES, SeriesHasher } from '../model/series-id.ts';
import { badData } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import type { AppendMessage } from './append-message.ts';

/** Samples of one series from code that runs beside the store. Columns of equal length, in any order of time. */
export interface LocalSeries {
  /** Sorted, unique, without empty values: see Labels. */
  readonly labels: Labels;
  readonly timestampsMs: ArrayLike<number>;
  /** A Float64Array is copied bit by bit, payloads of NaN included; other arrays as JavaScript copies numbers. */
  readonly values: ArrayLike<number>;
}

/** What became of samples appended locally; `refusal` says why some were refused. */
export interface LocalAnswer {
  readonly samplesStored: number;
  readonly samplesRefused: number;
  readonly refusal: string | undefined;
}

/** The hasher of a store that names its series itself. */
export function localHasher(sql: Sql, random: Random): SeriesHasher {
  return new SeriesHasher(localHashKey(sql, random));
}

/** The key of its series ids, made once and kept. */
export function localHashKey(sql: Sql, random: Random): Uint8Array {
  const stored = sql.all<{ local_hash_key: ArrayBuffer | null }>('SELECT local_hash_key FROM shard_state WHERE id = 1')[0]!.local_hash_key;
  if (stored !== null) return new Uint8Array(stored);
  const key = new Uint8Array(SERIES_HASH_KEY_BYTES);
  random.fill(key);
  sql.run('UPDATE shard_state SET local_hash_key = ? WHERE id = 1', key);
  return key;
}

/** Batches of at most `samplesMax` samples, in the form in which they come over RPC. Checks all before the first is handed out. */
export function localBatches(series: readonly LocalSeries[], hasher: SeriesHasher, samplesMax: number): AppendMessage[] {
  for (const one of series) check(one);
  const batches: AppendMessage[] = [];
  let open = new BatchBuilder();
  for (const { labels, timestampsMs, values } of series) {
    hasher.hashLabels(labels);
    const id = hasher.words.slice();
    for (let start = 0; start < timestampsMs.length; ) {
      if (open.sampleCount === samplesMax) {
        batches.push(open.finish());
        open = new BatchBuilder();
      }
      const end = Math.min(timestampsMs.length, start + samplesMax - open.sampleCount);
      open.add(labels, id, timestampsMs, values, start, end);
      start = end;
    }
  }
  if (open.sampleCount > 0) batches.push(open.finish());
  return batches;
}

function check({ labels, timestampsMs, values }: LocalSeries): void {
  if (timestampsMs.length !== values.length) throw badData(`${formatLabels(labels)}: ${timestampsMs.length} timestamps and ${values.length} values`);
  for (let i = 0; i < timestampsMs.length; i++) {
    const timestampMs = timestampsMs[i]!;
    if (!Number.isInteger(timestampMs) || Math.abs(timestampMs) > TIMESTAMP_MS_MAX) {
      throw badData(`${formatLabels(labels)}: the timestamp ${timestampMs} is not a whole number of milliseconds within ±${TIMESTAMP_MS_MAX}`);
    }
  }
}

class BatchBuilder {
  sampleCount = 0;
  readonly #ids: Uint32Array[] = [];
  readonly #sampleEnds: number[] = [];
  readonly #timestampsMs: number[] = [];
  #values = new Float64Array(8);
  readonly #definitions = new Map<number, Labels>();

  add(labels: Labels, id: Uint32Array, timestampsMs: ArrayLike<number>, values: ArrayLike<number>, start: number, end: number): void {
    for (let i = start; i < end; i++) this.#timestampsMs.push(timestampsMs[i]!);
    this.#reserve(this.sampleCount + end - start);
    if (values instanceof Float64Array) this.#values.set(values.subarray(start, end), this.sampleCount);
    else for (let i = start; i < end; i++) this.#values[this.sampleCount + i - start] = values[i]!;
    this.#definitions.set(this.#ids.push(id) - 1, labels);
    this.sampleCount += end - start;
    this.#sampleEnds.push(this.sampleCount);
  }

  finish(): AppendMessage {
    const idWords = (word: number): Uint32Array => Uint32Array.from(this.#ids, (id) => id[word]!);
    return {
      seriesCount: this.#ids.length,
      sampleCount: this.sampleCount,
      idLow: idWords(0),
      idHigh: idWords(1),
      idCheck: idWords(2),
      sampleEnd: Uint32Array.from(this.#sampleEnds),
      timestampsMs: Float64Array.from(this.#timestampsMs),
      valueBits: new Uint32Array(this.#values.buffer, 0, this.sampleCount * 2),
      payloads: NO_PAYLOADS,
      startsMs: undefined,
      isDelta: undefined,
      exemplars: [],
      definitions: this.#definitions,
    };
  }

  #reserve(length: number): void {
    if (length <= this.#values.length) return;
    const larger = new Float64Array(Math.max(length, this.#values.length * 2));
    larger.set(this.#values);
    this.#values = larger;
  }
}
