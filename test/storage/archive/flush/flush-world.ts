import { SamplesFileReader } from '../../../../storage/archive/files/samples-file-reader.ts';
import { Flusher } from '../../../../storage/archive/flush/flusher.ts';
import { ArchiveFiles } from '../../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { formatLabels, type Labels } from '../../../../storage/model/labels.ts';
import type { ObjectStore } from '../../../../storage/object-store.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import type { Sql } from '../../../../storage/runtime/sql.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { LateBatchWriter } from '../../../../storage/shard/late/late-batch.ts';
import { readSelectPage } from '../../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import type { LeftBehind } from '../../../fakes/left-behind.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

export const HOUR_MS = 3_600_000;
/** Aligned to an hour and a day. */
export const START_MS = 20_700 * 24 * HOUR_MS;

export type CommitFault = 'lose-request' | 'lose-answer' | undefined;

/** A shard, its catalog and the object store, each of which outlives the objects that serve it. */
export class FlushWorld {
  readonly clock: FixedClock;
  readonly objects: MemoryObjectStore;
  /** Another one is a shard whose storage began anew, or has gone back. */
  database: NodeSql;
  /** Another one is a catalog whose storage began anew, or has gone back. */
  catalogSql: NodeSql;
  readonly limits: typeof LIMITS;
  /** Sample → how often it was acknowledged: `series time value`. */
  readonly acknowledged: Set<string>;
  commits = 0;
  /** The catalog's clock, Unix ms. */
  commitTimeMs = (): number => 0;
  commitFault: (commit: number) => CommitFault = () => undefined;
  /** What the archive calls it. */
  readonly shard: string = '1/0';
  readonly #random: SeededRandom;
  #flusher: Flusher | undefined;
  #hot: HotStore | undefined;
  store: ObjectStore;

  /** An empty one, or one of its own in which is what another one has. */
  constructor(limits: Partial<Record<keyof typeof LIMITS, number>> = {}, from?: FlushWorld) {
    this.limits = limitsWith(limits);
    this.clock = from?.clock.copy() ?? new FixedClock(START_MS);
    this.objects = from?.objects.copy(this.clock) ?? new MemoryObjectStore(1000, this.clock);
    this.database = from?.database.copy() ?? new NodeSql();
    this.catalogSql = from?.catalogSql.copy() ?? new NodeSql();
    this.acknowledged = new Set(from?.acknowledged);
    this.#random = from === undefined ? new SeededRandom(1) : from.#random.copy();
    this.store = this.objects;
    if (from === undefined) migrateCatalog(this.catalogSql);
  }

  /** What one fault after another is tried on, which is filled but once. The copy's shard has just woken. */
  copy(): FlushWorld {
    return new FlushWorld(this.limits, this);
  }

  /** Another shard of the same tenant. */
  beside(shard: string): FlushWorld {
    const { clock, objects, store, catalogSql } = this;
    return Object.assign(new FlushWorld(this.limits), { shard, clock, objects, store, catalogSql });
  }

  /** What the shard's next object goes on with. */
  leftBehind(): LeftBehind {
    return { databases: [this.database, this.catalogSql], objects: this.objects, clock: this.clock, random: this.#random };
  }

  get files(): ArchiveFiles {
    return new ArchiveFiles(this.catalogSql, this.limits);
  }

  get hot(): HotStore {
    this.#wake();
    return this.#hot!;
  }

  get flusher(): Flusher {
    this.#wake();
    return this.#flusher!;
  }

  /** The shard's object goes and comes back, over storage that may break. */
  wake(wrap: (sql: Sql) => Sql = (sql) => sql): void {
    const sql = wrap(new NodeSql(this.database.database));
    const { clock, limits } = this;
    this.#hot = new HotStore(sql, limits, { clock, random: this.#random, retentionMs: 30 * HOUR_MS, isArchived: true });
    this.#flusher = new Flusher({
      sql,
      hot: this.#hot,
      store: this.store,
      clock,
      random: this.#random,
      limits,
      prefix: 'default/archive',
      shard: this.shard,
      commit: async (request) => {
        const fault = this.commitFault(this.commits++);
        if (fault === 'lose-request') throw new Error('Network connection lost.');
        const outcome = this.files.commit(structuredClone(request), this.commitTimeMs());
        if (fault === 'lose-answer') throw new Error('Network connection lost.');
        return outcome;
      },
      seriesHashKey: async () => new Uint8Array(16),
      waitsForRepair: true,
    });
  }

  /** Samples of some series, one each at the times given. */
  write(labels: readonly Labels[], timesMs: readonly number[], value: (series: number, timeMs: number) => number): void {
    for (const [i, series] of labels.entries()) {
      const answer = this.hot.appendLocal([{ labels: series, timestampsMs: Float64Array.from(timesMs), values: Float64Array.from(timesMs, (timeMs) => value(i, timeMs)) }]);
      if (answer.samplesRefused > 0) throw new Error(answer.refusal ?? 'refused');
      for (const timeMs of timesMs) this.acknowledged.add(lineOf(series, timeMs, value(i, timeMs)));
    }
  }

  writeLate(labels: readonly Labels[], timesMs: readonly number[], value: (series: number, timeMs: number) => number): void {
    const writer = new LateBatchWriter();
    labels.forEach((series, i) => {
      const values = Float64Array.from(timesMs, (timeMs) => value(i, timeMs));
      writer.add({ labels: series, timestampsMs: Float64Array.from(timesMs), valueBits: new Uint32Array(values.buffer), startsMs: new Float64Array(timesMs.length) });
      for (const timeMs of timesMs) this.acknowledged.add(lineOf(series, timeMs, value(i, timeMs)));
    });
    const answer = this.hot.late.append(writer.finish());
    if (answer.status !== 'stored') throw new Error(answer.message);
  }

  /** What the alarm does, until nothing is due; time goes on by a minute when the flusher waits. Returns the steps that it took. */
  async settle(stepsMax = 2000): Promise<number> {
    for (let step = 0; step < stepsMax; step++) {
      for (let dueMs = this.hot.nextDueMs(); dueMs !== undefined && dueMs <= this.clock.nowMs(); dueMs = this.hot.nextDueMs()) this.hot.maintain();
      const dueMs = this.flusher.nextDueMs();
      if (dueMs === undefined || dueMs > this.clock.nowMs() + 10 * 60_000) return step;
      if (dueMs > this.clock.nowMs()) this.clock.advance(dueMs - this.clock.nowMs());
      await this.flusher.step();
    }
    throw new Error(`the flush does not come to an end in ${stepsMax} steps`);
  }

  /** Every sample that a query over both tiers reads: files before the watermark, the hot tier behind it. */
  async readAll(): Promise<string[]> {
    const { files, archivedUntilMs } = this.files.files({ version: CATALOG_RPC_VERSION, startMs: 0, endMs: 1e15, after: undefined });
    const watermarkMs = archivedUntilMs['1/0'] ?? -Infinity;
    const lines: string[] = [];
    for (const file of files) {
      const reader = await SamplesFileReader.open(this.objects, file);
      const entries = [...reader.series()];
      const sources = await reader.read(entries);
      sources.forEach(({ timestampsMs, bits }, i) => {
        const values = new Float64Array(bits.buffer);
        timestampsMs.forEach((timeMs, at) => {
          if (timeMs >= watermarkMs) throw new Error(`a file has ${timeMs}, at or behind the watermark`);
          lines.push(lineOf(entries[i]!.labels, timeMs, values[at]!));
        });
      });
    }
    const request = { version: SHARD_RPC_VERSION, matchers: [], startMs: Math.max(watermarkMs, -1e15), endMs: 1e15, after: undefined, samplesMax: 1e9 };
    const answer = this.hot.select(request);
    if (answer.status !== 'page' || answer.more) throw new Error('want one page');
    for (const { labels, timestampsMs, values } of readSelectPage(answer.page)) timestampsMs.forEach((timeMs, at) => lines.push(lineOf(labels, timeMs, values[at]!)));
    return lines.sort();
  }

  #wake(): void {
    if (this.#hot === undefined) this.wake();
  }
}

export function lineOf(labels: Labels, timeMs: number, value: number): string {
  return `${formatLabels(labels)} ${timeMs} ${value}`;
}

/** From `fromMs` on, every `stepMs`. */
export function times(fromMs: number, count: number, stepMs = 60_000): number[] {
  return Array.from({ length: count }, (_, i) => fromMs + i * stepMs);
}

export function seriesOf(count: number, metric = 'metric'): Labels[] {
  return Array.from({ length: count }, (_, i) => ['__name__', `${metric}_${i % 3}`, 'pod', `pod-${String(i).padStart(3, '0')}`]);
}
