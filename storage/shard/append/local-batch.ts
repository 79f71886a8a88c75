import { crc32 } from 'node:zlib';
import { NO_PAYLOADS, TIMESTAMP_MS_MAX } from '../../chunk/index.ts';
import { formatLabels, type Labels } from '../../model/labels.ts';
import { SERIES_HASH_KEY_BYTES, SeriesHasher } from '../../model/series-id.ts';
import { readStored } from '../../runtime/damage.ts';
import { badData } from '../../runtime/errors.ts';
import type { Random } from '../../runtime/random.ts';
import type { Sql } from '../../runtime/sql.ts';
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

/** What is stored of a store's key, if anything is. */
interface KeyRow extends Record<string, ArrayBuffer | number | null> {
  local_hash_key: ArrayBuffer | null;
  local_hash_check: number | null;
}

/** The hasher of a store that names its series itself; see localHashKey. */
export function localHasher(sql: Sql, random: Random, renew: () => void): SeriesHasher {
  return new SeriesHasher(localHashKey(sql, random, renew));
}

/**
 * The key of its series ids, made once and kept. By another key no series would be found: a damaged one is refused. `renew` is called in the
 * transaction that makes it: an instance whose owner rolls that back must find out, or it would name series by a key that nobody has.
 */
export function localHashKey(sql: Sql, random: Random, renew: () => void): Uint8Array {
  const [stored] = sql.all<KeyRow>('SELECT local_hash_key, local_hash_check FROM shard_state WHERE id = 1');
  const { local_hash_key, local_hash_check } = stored!;
  // A check without a key is of one that has been.
  if (local_hash_key !== null || local_hash_check !== null) return checkedKey(sql, local_hash_key, local_hash_check);
  const key = new Uint8Array(SERIES_HASH_KEY_BYTES);
  random.fill(key);
  // Commit point of the key: this transaction, or its caller's. A crash before it leaves none, and nothing that was named with it.
  sql.transaction(() => {
    sql.run('UPDATE shard_state SET local_hash_key = ?, local_hash_check = ? WHERE id = 1', key, crc32(key));
    renew();
  });
  return key;
}

function checkedKey(sql: Sql, stored: ArrayBuffer | null, check: number | null): Uint8Array {
  const key = stored === null ? new Uint8Array(0) : new Uint8Array(stored);
  const crc = crc32(key);
  readStored('shard_state', 1, () => {
    const where = 'key of series ids (local_hash_key)';
    if (key.length !== SERIES_HASH_KEY_BYTES) throw new Error(`${where}: ${key.length} bytes, want ${SERIES_HASH_KEY_BYTES}`);
    if (check !== null && crc !== check) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${check}`);
  });
  // From before there were checks: it is taken as it is. A crash before it has its check leaves that to the next.
  if (check === null) sql.run('UPDATE shard_state SET local_hash_check = ? WHERE id = 1', crc);
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
