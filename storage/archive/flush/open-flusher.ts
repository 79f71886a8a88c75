import type { CatalogApi } from '../../catalog/catalog-api.ts';
import { r2ObjectStore } from '../../object-store.ts';
import { systemClock } from '../../runtime/clock.ts';
import { readArchiveKeyPrefix, type Variables } from '../../runtime/config.ts';
import { LIMITS } from '../../runtime/limits.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { HotStore } from '../../shard/hot-store.ts';
import { Flusher } from './flusher.ts';

/** The bindings and variables that a flush needs. */
export interface FlusherEnv extends Pick<Variables, 'VARVE_ARCHIVE_KEY_PREFIX' | 'VARVE_ARCHIVE_URI'> {
  readonly ARCHIVE: R2Bucket;
  readonly CATALOG: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): unknown };
}

/** The flusher of a shard's object; `undefined` for one whose name is not that of a shard, `tenant/shard/epoch/number`. */
export function openFlusher(sql: Sql, hot: HotStore, env: FlusherEnv, objectName: string | undefined): Flusher | undefined {
  const name = /^(.*)\/shard\/(\d+\/\d+)$/.exec(objectName ?? '');
  if (name === null) return undefined;
  const [, tenant, shard] = name as unknown as [string, string, string];
  // A new stub for each call: one that threw is dead.
  const catalog = (): CatalogApi => env.CATALOG.get(env.CATALOG.idFromName(`${tenant}/catalog`)) as CatalogApi;
  return new Flusher({
    sql,
    hot,
    store: r2ObjectStore(env.ARCHIVE, readArchiveKeyPrefix(env)),
    clock: systemClock,
    random: systemRandom,
    limits: LIMITS,
    prefix: `${tenant}/archive`,
    shard,
    commit: (request) => catalog().archiveCommit(request),
    // The tenant's routing was made before its first sample came here: the count is never used.
    seriesHashKey: async () => (await catalog().routing(1)).seriesHashKey,
    waitsForRepair: true,
  });
}
