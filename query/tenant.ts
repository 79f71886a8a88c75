import type { Context } from 'hono';
import type { Access } from '../storage/access/access.ts';
import { restrictShards } from '../storage/access/restricted-shards.ts';
import { must } from '../storage/runtime/assert.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { ShardRouter, TenantShards } from '../storage/shard-router.ts';

declare module 'hono' {
  interface ContextVariableMap {
    access: Access | undefined;
  }
}

/** What reading a request's tenant needs. */
export interface TenantServices {
  readonly router: ShardRouter;
  readonly clock: Clock;
}

export function setAccess(context: Context, access: Access): void {
  context.set('access', access);
}

/** What the request may see and do. On a route that has not been authorised there is none, and this throws. */
export function accessOf(context: Context): Access {
  return must(context.get('access'), `${context.req.path} was not authorised`);
}

/** The shards that a request may use, restricted to what it may see: every route gets them here and nowhere else. */
export async function openTenant({ router }: Pick<TenantServices, 'router'>, context: Context): Promise<TenantShards> {
  const { tenant, grant } = accessOf(context);
  return restrictShards(await router.tenant(tenant), grant.matchers);
}
