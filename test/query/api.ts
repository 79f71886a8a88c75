import { labelsFrom } from '../../storage/model/labels.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { nodeApp } from '../fakes/node-app.ts';

export const NOON = Date.UTC(2024, 0, 14, 12);

export interface Settings {
  readonly shardCount?: number;
  readonly limits?: typeof LIMITS;
  readonly corsOrigin?: string;
  readonly archive?: ObjectStore;
}

/** The whole Worker over shards in memory, at noon and open on loopback, as a client sees it. */
export async function memoryApi({ shardCount = 1, limits = LIMITS, corsOrigin = '.*', archive }: Settings = {}) {
  const variables = { VARVE_SHARDS: String(shardCount), VARVE_OPEN: 'loopback', VARVE_CORS_ORIGIN: corsOrigin, VARVE_ARCHIVE: archive === undefined ? 'off' : 'on' };
  const { app, shards, clock, router } = nodeApp(variables, undefined, NOON, limits, archive);
  const tenant = await router.tenant('default');
  for (let shard = 0; shard < shardCount; shard++) await tenant.call(shard, (stub) => stub.stats());
  const ask = async (path: string, init?: RequestInit): Promise<Response> => app.request(`http://127.0.0.1${path}`, init);
  return {
    shards,
    router,
    clock,
    ask,
    /** The parsed answer of a GET, with its status. */
    async get(path: string): Promise<{ status: number; json: Record<string, unknown> }> {
      const answer = await ask(path);
      return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
    },
    /** The data of a GET, which must succeed. */
    async data(path: string): Promise<unknown> {
      const answer = await ask(path);
      const json = (await answer.json()) as { data: unknown; error?: string };
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${json.error}`);
      return json.data;
    },
    /** Writes to a shard, a value a second from noon on or from `startMs`. */
    write(shard: number, labels: Record<string, string>, values: readonly number[], startMs = NOON): void {
      const timestampsMs = values.map((_, i) => startMs + i * 1000);
      shards.storeOf(shards.shardNames[shard]!).appendLocal([{ labels: labelsFrom(labels), timestampsMs, values: Float64Array.from(values) }]);
    },
  };
}
