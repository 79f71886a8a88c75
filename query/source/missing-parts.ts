import { isMissingPart, type VarveError } from '../../storage/runtime/errors.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { ShardApi } from '../../storage/shard/shard-api.ts';

/** What a part of a tenant says. */
export interface ShardReport<T> {
  readonly shard: number;
  readonly answer: T;
}

/**
 * What a report goes without. A report tells about a tenant and answers no query: it is of those parts that can be asked, and says which
 * cannot and why, for it is read when something is wrong.
 */
export class MissingParts {
  readonly #errors = new Map<string, VarveError>();

  /** What a part answers; `undefined` where it cannot be asked, which is noted. `part` names it: a shard, or the catalog. */
  async ask<T>(part: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!isMissingPart(error)) throw error;
      this.#errors.set(part, error);
      return undefined;
    }
  }

  /** The reports of the shards, one after the other. Throws what the first one said where there is none. */
  async *ofShards<T>(shards: TenantShards, call: (stub: ShardApi) => Promise<T>, numbers = shardNumbers(shards)): AsyncGenerator<ShardReport<T>> {
    let answered = 0;
    for (const shard of numbers) {
      const part = `shard ${shard}`;
      const reply = await this.ask(part, async () => ({ shard, answer: await shards.call(shard, call) }));
      if (reply === undefined) continue;
      answered++;
      yield reply;
    }
    if (answered === 0) throw this.#errors.values().next().value!;
  }

  /** A line for each part. */
  get warnings(): string[] {
    return [...this.#errors].map(([part, { message }]) => `the answer is incomplete: ${part} is missing: ${message}`);
  }

  toJson(): { readonly part: string; readonly reason: string }[] {
    return [...this.#errors].map(([part, { message }]) => ({ part, reason: message }));
  }
}
