import type { Clock } from '../../storage/runtime/clock.ts';
import { isMissingPart } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { LruCache } from '../../storage/runtime/lru-cache.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { EVALUATE_RPC_VERSION, type EvaluateShardRequest } from '../../storage/shard/shard-api.ts';
import { archivableBeforeMs } from './archived-labels.ts';

type Asked = Pick<EvaluateShardRequest, 'query' | 'steps' | 'lookbackMs' | 'limit'>;

/** Has queries evaluated by the object that holds all series of a tenant (object-evaluation.ts), where one does. */
export class ObjectEvaluator {
  readonly #clock: Clock;
  /** What was declined, and when (Unix ms): dashboards ask for the same again, and it will be as large. */
  readonly #declined = new LruCache<string, number>(LIMITS.declinedQueryCharactersMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The object's answer in chunks; `undefined` where there is no such object, it declines, or cannot be reached: one of the release before does not know how,
   * and if it is away, whoever then reads it says so.
   */
  async evaluate(shards: TenantShards, asked: Asked): Promise<readonly Uint8Array<ArrayBuffer>[] | undefined> {
    const [only, another] = shardNumbers(shards);
    if (only === undefined || another !== undefined) return undefined;
    const key = keyOf(shards.tenant, asked);
    const declinedMs = this.#declined.get(key);
    if (declinedMs !== undefined && this.#clock.nowMs() - declinedMs < LIMITS.declinedQueryMs) return undefined;
    const hotFromMs = shards.archive === undefined ? -Infinity : archivableBeforeMs(this.#clock);
    try {
      // Once: whoever then reads from it tries again.
      const answer = await shards.call(only, (stub) => stub.evaluate({ version: EVALUATE_RPC_VERSION, ...asked, hotFromMs, matchers: [] }), 1);
      if (answer.status === 'answer') return answer.chunks;
    } catch (error) {
      // One that is overloaded is left alone.
      if (!isMissingPart(error) || error.kind === 'overloaded') throw error;
    }
    this.#declined.set(key, this.#clock.nowMs(), key.length);
    return undefined;
  }
}

/** The same for the queries of a panel, whose range moves on while its length stays. */
function keyOf(tenant: string, { query, steps }: Asked): string {
  const length = 'timeMs' in steps ? '' : `${steps.endMs - steps.startMs}/${steps.stepMs}`;
  return `${tenant}\n${length}\n${query}`;
}
