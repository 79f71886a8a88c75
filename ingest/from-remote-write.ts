import { DecodeError } from '../proto/decode-error.ts';
import { decodeWriteRequest, readLabels, WriteRequestColumns } from '../proto/remote-write-v1.ts';
import type { SnappyDecode } from '../proto/snappy.ts';
import { formatLabels, type Labels } from '../storage/model/labels.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import { must } from '../storage/runtime/assert.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import { badData } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { Rejections } from './rejections.ts';
import { SampleBatch } from './sample-batch.ts';
import { SeriesIdCache, SeriesIdColumns, UNKNOWN } from './series-id-cache.ts';
import { sendBatch, toOutgoing, type OutgoingBatch } from './shard-send.ts';
import { normalizeLabels, unitHint } from './validate.ts';
import type { WriteOutcome } from './write-outcome.ts';

/**
 * Takes remote write 1.0 requests: body → columns → series ids → one batch a shard → acknowledged.
 *
 * Everything up to the batches is synchronous and works on columns that all requests share; across the RPC only the compressed body and
 * the batches are kept. When a shard does not know a series, the body is decoded a second time to find its labels: that happens once a
 * series, and spares copying labels that are hardly ever needed.
 */
export class RemoteWriteIngest {
  readonly #uncompress: SnappyDecode;
  readonly #clock: Clock;
  readonly #limits: typeof LIMITS;
  readonly #cache: SeriesIdCache;
  readonly #columns: WriteRequestColumns;
  readonly #ids = new SeriesIdColumns();
  readonly #batches: SampleBatch[] = [];

  constructor(uncompress: SnappyDecode, clock: Clock, limits: typeof LIMITS) {
    this.#uncompress = uncompress;
    this.#clock = clock;
    this.#limits = limits;
    this.#columns = new WriteRequestColumns(limits.writeEntriesMax);
    this.#cache = new SeriesIdCache(limits.seriesIdCacheEntriesMax, limits.seriesIdCacheBytesMax);
  }

  /** Stores what can be stored and says what cannot. Throws a bad-data error, with nothing stored, when the body cannot be decoded. */
  async write(shards: TenantShards, body: Uint8Array): Promise<WriteOutcome> {
    const rejections = new Rejections(this.#limits.writeErrorsQuotedMax);
    const { batches, metadataCount } = this.#decode(shards, body, rejections);
    const labelsOf = (sources: readonly number[]): Labels[] => this.#labelsOf(body, sources);
    const stored = await Promise.all(batches.map((batch) => sendBatch(shards, batch, labelsOf, rejections)));
    return { storedSamples: stored.reduce((sum, { samples }) => sum + samples, 0), metadataIgnored: metadataCount, rejections };
  }

  #decode(shards: TenantShards, body: Uint8Array, rejections: Rejections): { batches: OutgoingBatch[]; metadataCount: number } {
    const plain = this.#columnsOf(body);
    const columns = this.#columns;
    const batches = this.#split(shards, plain, rejections);
    if (columns.histogramCount > 0) rejections.add('bad-data', columns.histogramCount, () => `${columns.histogramCount} native histogram samples: not supported yet`);
    if (columns.exemplarCount > 0) rejections.add('bad-data', 0, () => `${columns.exemplarCount} exemplars: not supported yet`);
    return { batches, metadataCount: columns.metadataCount };
  }

  /** The plain message, decoded into the shared columns. Valid until the next call. */
  #columnsOf(body: Uint8Array): Uint8Array {
    try {
      const plain = this.#uncompress(body);
      decodeWriteRequest(plain, this.#columns);
      return plain;
    } catch (error) {
      throw error instanceof DecodeError ? badData(error.message) : error;
    }
  }

  /** From the shared columns to one batch a shard: look all ids up, then share the samples out. */
  #split(shards: TenantShards, plain: Uint8Array, rejections: Rejections): OutgoingBatch[] {
    this.#ids.reserve(this.#columns.seriesCount);
    this.#lookUpIds(shards.hasher, plain, rejections);
    return this.#shareOut(shards.shardCount, plain, rejections);
  }

  /** The id of each series. Those that the cache does not know go the slow way, once: parse, check, hash. */
  #lookUpIds(hasher: SeriesHasher, plain: Uint8Array, rejections: Rejections): void {
    const { seriesCount, labelsStart, labelsEnd, sampleStart } = this.#columns;
    const ids = this.#ids;
    const cache = this.#cache;
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    cache.begin(hasher);
    for (let series = 0; series < seriesCount; series++) {
      const start = labelsStart[series]!;
      const end = labelsEnd[series]!;
      ids.isRefused[series] = 0;
      const entry = cache.find(view, start, end);
      if (entry !== UNKNOWN) {
        cache.copyId(entry, ids, series);
        continue;
      }
      const rawHash = hasher.words.slice();
      const labels = this.#readLabels(plain, series);
      if ('invalid' in labels) {
        ids.isRefused[series] = 1;
        rejections.add('bad-data', sampleStart[series + 1]! - sampleStart[series]!, () => `series ${series}: ${labels.invalid}`);
        continue;
      }
      hasher.hashLabels(labels);
      ids.set(series, hasher.words);
      cache.add(view, start, end, rawHash, hasher.words);
    }
  }

  #shareOut(shardCount: number, plain: Uint8Array, rejections: Rejections): OutgoingBatch[] {
    const columns = this.#columns;
    const ids = this.#ids;
    while (this.#batches.length < shardCount) this.#batches.push(new SampleBatch());
    for (const batch of this.#batches) batch.clear();
    const nowMs = this.#clock.nowMs();
    const oldestMs = nowMs - this.#limits.hotWindowMs;
    const newestMs = nowMs + this.#limits.timestampAheadMsMax;
    const outgoing: OutgoingBatch[] = [];
    for (let series = 0; series < columns.seriesCount; series++) {
      if (ids.isRefused[series] === 1) continue;
      const shard = shardCount === 1 ? 0 : ids.high[series]! % shardCount;
      const batch = this.#batches[shard]!;
      batch.beginSeries(series, ids);
      for (let sample = columns.sampleStart[series]!; sample < columns.sampleStart[series + 1]!; sample++) {
        const timestampMs = columns.timestampsMs[sample]!;
        if (timestampMs < oldestMs || timestampMs > newestMs) {
          this.#rejectTime(plain, series, timestampMs, nowMs, rejections);
          continue;
        }
        batch.addSample(timestampMs, columns.valueBits[sample * 2]!, columns.valueBits[sample * 2 + 1]!);
        if (!batch.isFull(this.#limits)) continue;
        // A series may be longer than a batch: the rest goes on as the same series in the next one.
        batch.endSeries();
        outgoing.push(toOutgoing(batch, shard));
        batch.clear();
        batch.beginSeries(series, ids);
      }
      batch.endSeries();
    }
    this.#batches.forEach((batch, shard) => {
      if (batch.seriesCount > 0) outgoing.push(toOutgoing(batch, shard));
    });
    return outgoing;
  }

  #readLabels(plain: Uint8Array, series: number): Labels | { readonly invalid: string } {
    const { labelsStart, labelsEnd } = this.#columns;
    try {
      return normalizeLabels(readLabels(plain, labelsStart[series]!, labelsEnd[series]!), this.#limits);
    } catch (error) {
      if (error instanceof DecodeError) return { invalid: error.message };
      throw error;
    }
  }

  #rejectTime(plain: Uint8Array, series: number, timestampMs: number, nowMs: number, rejections: Rejections): void {
    rejections.add('bad-data', 1, () => {
      const labels = this.#readLabels(plain, series);
      const name = 'invalid' in labels ? `series ${series}` : formatLabels(labels);
      return timestampMs > nowMs
        ? `${name}: out of bounds: ${timestampMs} is more than timestampAheadMsMax (${this.#limits.timestampAheadMsMax} ms) ahead of now${unitHint(timestampMs, nowMs)}`
        : `${name}: too old: ${timestampMs} is more than hotWindowMs (${this.#limits.hotWindowMs} ms) ago${unitHint(timestampMs, nowMs)}`;
    });
  }

  /** Decodes the body again for the labels of some series: known to be valid, since they have ids. */
  #labelsOf(body: Uint8Array, sources: readonly number[]): Labels[] {
    const plain = this.#columnsOf(body);
    return sources.map((series) => {
      const labels = this.#readLabels(plain, series);
      return must('invalid' in labels ? undefined : labels, `series ${series} has an id but no valid labels`);
    });
  }
}
