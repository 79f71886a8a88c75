import type { Context } from 'hono';
import type { ShardRouter, TenantShards } from '../storage/shard-router.ts';

/** The tenant of every request as long as there are no keys: all names of objects begin with it. */
export const DEFAULT_TENANT = 'default';

/** What finding a request's tenant needs. */
export interface TenantServices {
  readonly router: ShardRouter;
}

/** The shards that a request may read: every route gets them here and nowhere else. */
export function openTenant({ router }: TenantServices, _context: Context): Promise<TenantShards> {
  return router.tenant(DEFAULT_TENANT);
}
