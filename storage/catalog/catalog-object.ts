import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../runtime/clock.ts';
import { LIMITS } from '../runtime/limits.ts';
import { systemRandom } from '../runtime/random.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import type { CatalogApi, MetadataAnswer, MetadataRequest, NoteMetadataAnswer, NoteMetadataRequest, TenantRouting } from './catalog-api.ts';
import { CatalogStore } from './catalog-store.ts';
import { MetadataStore } from './metadata-store.ts';

/** A tenant's catalog: a thin shell around CatalogStore and MetadataStore. */
export class Catalog extends DurableObject implements CatalogApi {
  readonly #store: CatalogStore;
  readonly #metadata: MetadataStore;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    const sql = durableObjectSql(state.storage);
    this.#store = new CatalogStore(sql, systemRandom);
    this.#metadata = new MetadataStore(sql, LIMITS);
  }

  async routing(shardCount: number): Promise<TenantRouting> {
    return this.#store.routing(shardCount);
  }

  async noteMetadata(request: NoteMetadataRequest): Promise<NoteMetadataAnswer> {
    try {
      return this.#metadata.note(request.entries, systemClock.nowMs());
    } catch (error) {
      // A write that failed leaves the count in memory in doubt: the next call finds the object rebuilt from storage.
      this.ctx.abort(`catalog: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  async metadata(request: MetadataRequest): Promise<MetadataAnswer> {
    return this.#metadata.read(request);
  }
}
