import type { Context } from 'hono';
import type { TenantShards } from '../storage/shard-router.ts';

/** What the routes of any door need of the app around them. */
export interface DoorRouteServices {
  /** The shards that an authorised request writes to. */
  readonly openTenant: (context: Context) => Promise<TenantShards>;
  /** What the log line of an internal error has, and its answer. */
  readonly requestIdOf: (context: Context) => string | undefined;
}
