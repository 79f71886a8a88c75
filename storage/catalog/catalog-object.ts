import { DurableObject } from 'cloudflare:workers';
import { systemRandom } from '../runtime/random.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import type { CatalogApi, TenantRouting } from './catalog-api.ts';
import { CatalogStore } from './catalog-store.ts';

/** A tenant's catalog: a thin shell around CatalogStore. */
export class Catalog extends DurableObject implements CatalogApi {
  readonly #store: CatalogStore;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    this.#store = new CatalogStore(durableObjectSql(state.storage), systemRandom);
  }

  async routing(shardCount: number): Promise<TenantRouting> {
    return this.#store.routing(shardCount);
  }
}
