import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import { nextPass } from '../map-passes.ts';
import { SeriesIdColumns } from '../series-id-columns.ts';
import { SeriesRefs } from '../series-refs.ts';
import { BatchMemory, ShardBatches } from '../shard-batches.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import { ShareTurn, type SharedRequest, type Turn, type TurnStart } from './share-turn.ts';
import { isUsual } from './usual-request.ts';
import { WholeRequest } from './whole-request.ts';

/**
 * From a decoded request to one batch a shard, or several where one would be too large: looks up all ids, checks times, histograms and
 * exemplars, and shares everything out. What is refused is counted and costs nothing else. Synchronous; memory is used again by the next turn.
 */
export class ShareOut {
  #ids = new SeriesIdColumns();
  readonly #memory = new BatchMemory();
  readonly #whole = new WholeRequest();
  readonly #refs: SeriesRefs;

  constructor(limits: typeof LIMITS, caches: CacheBudget) {
    this.#refs = new SeriesRefs(limits.seriesRefsMax, 'remote_write_refs', caches);
  }

  /** Shares out the series from a turn's start on. Refused series are only told of in the first turn. */
  share(request: SharedRequest, { pass, series: from }: TurnStart): Turn {
    const { messages, shards, limits } = request;
    const { shardCount, firstShard } = pass.map;
    const isWhole = this.#lookUpIds(request, from === 0 && pass.isFirst) && from === 0 && isUsual(messages.columns, pass.times, limits);
    if (isWhole && shardCount === 1) return allOf([this.#whole.toOutgoing(messages.columns, this.#ids, firstShard, this.#refs.of(shards, firstShard))]);
    const batches = new ShardBatches(shards, pass.map, limits, this.#memory, this.#refs);
    if (isWhole && messages.columns.seriesCount === messages.columns.sampleCount) {
      batches.addSingles(messages.columns, this.#ids);
      return allOf(batches.finish());
    }
    const { stoppedAt, ...turn } = new ShareTurn(request, this.#ids, pass, batches).share(from);
    if (stoppedAt !== undefined) return { ...turn, next: { pass, series: stoppedAt } };
    const next = nextPass(shards, pass);
    return { ...turn, next: next && { pass: next, series: 0 } };
  }

  /** The turn is made: gives back what a large request took. */
  rest(): void {
    if (this.#ids.isLarge) this.#ids = new SeriesIdColumns();
    this.#memory.rest();
  }

  /** Whether all series have one. */
  #lookUpIds({ messages, shards, rejections }: SharedRequest, tells: boolean): boolean {
    const { seriesCount, sampleStart } = messages.columns;
    let isAllAccepted = true;
    this.#ids.reserve(seriesCount);
    messages.lookUpIds(shards.hasher, this.#ids, (series, reason) => {
      isAllAccepted = false;
      const samples = sampleStart[series + 1]! - sampleStart[series]!;
      if (tells) rejections.add('bad-data', { samples }, () => `series ${series}: ${reason()}`);
    });
    return isAllAccepted;
  }
}

function allOf(batches: readonly OutgoingBatch[]): Turn {
  return { batches, next: undefined, staleHistograms: 0 };
}
