import { DurableObject } from 'cloudflare:workers';
import { durableObjectSql } from '../runtime/sql.ts';
import { HotStore } from './hot-store.ts';
import type { AppendAnswer, LabelsShardRequest, SelectShardAnswer, SelectShardRequest, SeriesShardAnswer, ShardApi, ShardStats, StringsShardAnswer } from './shard-api.ts';

/**
 * A shard of a tenant: a thin shell around HotStore. An exception from a write leaves memory in doubt, so the object is aborted and the
 * next call finds it rebuilt from storage.
 */
export class Shard extends DurableObject implements ShardApi {
  readonly #store: HotStore;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    this.#store = new HotStore(durableObjectSql(state.storage));
  }

  async append(message: ArrayBuffer): Promise<AppendAnswer> {
    try {
      return this.#store.append(message);
    } catch (error) {
      // The write may have stopped half-way between storage and memory. Reads leave memory as it is and may simply fail.
      this.ctx.abort(`shard: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  async select(request: SelectShardRequest): Promise<SelectShardAnswer> {
    return this.#store.select(request);
  }

  async labelNames(request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return this.#store.labelNames(request);
  }

  async labelValues(name: string, request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return this.#store.labelValues(name, request);
  }

  async series(request: LabelsShardRequest): Promise<SeriesShardAnswer> {
    return this.#store.series(request);
  }

  async stats(): Promise<ShardStats> {
    return this.#store.stats();
  }
}
