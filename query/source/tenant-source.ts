import type { RawSeries, SelectRequest, SeriesSource } from '../../promql/series-source.ts';
import { seriesOfFreshFiles } from '../../storage/archive/missing-object.ts';
import { compareLabels } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { randomId, systemRandom } from '../../storage/runtime/random.ts';
import { liveMaps, shardNumbers } from '../../storage/shard-maps.ts';
import type { ArchiveTier, TenantShards } from '../../storage/shard-router.ts';
import { SHARD_RPC_VERSION, type SelectShardRequest } from '../../storage/shard/shard-api.ts';
import { mayBeArchived } from './archived-labels.ts';
import { mergeSorted } from './merge-series-sets.ts';
import { ReadReport, tiersFailingOnMissing, type TiersWatch } from './read-report.ts';
import { ShardSeries, type Watch } from './shard-series.ts';
import { ShardTurns } from './shard-turns.ts';
import { joinedSeries, selectTiers, type HotSelect } from './tiered-select.ts';
import { selectSummaries, type SummarySelect } from './tiered-summaries.ts';

/** One tenant as the series source of one query: all shards asked side by side, and the archive for what has left them, merged in label order. */
export class TenantSource implements SeriesSource {
  readonly #shards: TenantShards;
  readonly #samplesMax: number;
  readonly #watch: Watch;
  readonly #maxSourceResolutionMs: number | undefined;
  /** Shards count what they do for it together, and forget it in time. */
  readonly #query = randomId(systemRandom);
  /** By shard. */
  readonly #turns: ReadonlyMap<number, ShardTurns>;

  /** `samplesMax` bounds the samples of one select; `maxSourceResolutionMs`: see SummarySelect. */
  constructor(shards: TenantShards, samplesMax: number, clock: Clock, report = new ReadReport(false), maxSourceResolutionMs?: number) {
    this.#shards = shards;
    this.#samplesMax = samplesMax;
    this.#watch = { report, clock };
    this.#maxSourceResolutionMs = maxSourceResolutionMs;
    this.#turns = new Map(shardNumbers(shards).map((shard) => [shard, new ShardTurns(LIMITS.querySelectsAtOnceMax)]));
  }

  select(request: SelectRequest, signal: AbortSignal | undefined): AsyncIterable<RawSeries> {
    // Timestamps are whole milliseconds; a range of none needs no shard.
    const startMs = Math.ceil(request.startMs);
    const endMs = Math.floor(request.endMs);
    if (startMs > endMs) return mergeSorted<RawSeries>([], () => 0);
    const pageBytesTarget = pageBytesOf((request.openReads ?? 1) * this.#turns.size);
    const first = { version: SHARD_RPC_VERSION, matchers: request.matchers, startMs, endMs, after: undefined, samplesMax: this.#samplesMax, pageBytesTarget, query: this.#query };
    const { archive } = this.#shards;
    if (archive !== undefined && mayBeArchived(startMs, this.#watch.clock)) {
      const hot: HotSelect = (shard, from) => this.#seriesOf(shard, { ...first, ...from }, signal);
      const range = { matchers: request.matchers, startMs, endMs, samplesMax: this.#samplesMax };
      const { windows } = request;
      return seriesOfFreshFiles((failsOnMissing) => {
        const watch = failsOnMissing ? tiersFailingOnMissing(this.#watch.report) : this.#watch.report;
        return windows === undefined ? selectTiers(archive, range, hot, watch.cold) : this.#selectWindows(archive, { ...range, windows }, hot, watch);
      });
    }
    const streams = [...this.#turns.keys()].map((shard) => this.#seriesOf(shard, first, signal));
    if (streams.length === 1) return streams[0]!;
    // A series lives on one shard of a map.
    return liveMaps(this.#shards).length === 1 ? mergeSorted(streams, (a, b) => compareLabels(a.labels, b.labels)) : joinedSeries(streams);
  }

  #seriesOf(shard: number, first: SelectShardRequest, signal: AbortSignal | undefined): ShardSeries {
    return new ShardSeries((ask) => this.#turns.get(shard)!.take(() => ask(this.#shards)), shard, first, signal, this.#watch);
  }

  /** From roll-ups where these may answer, and from samples elsewhere. */
  async *#selectWindows(archive: ArchiveTier, request: Omit<SummarySelect, 'maxSourceResolutionMs'>, hot: HotSelect, watch: TiersWatch): AsyncGenerator<RawSeries> {
    const summaries = await selectSummaries(archive, { ...request, maxSourceResolutionMs: this.#maxSourceResolutionMs }, hot, watch);
    yield* summaries ?? selectTiers(archive, request, hot, watch.cold);
  }
}

/** How large each of so many pages may be that are in memory at a time. */
function pageBytesOf(pageCount: number): number {
  return Math.max(LIMITS.selectPageBytesMin, Math.min(LIMITS.selectPageBytesTarget, Math.floor(LIMITS.selectPagesBytesTarget / pageCount)));
}
