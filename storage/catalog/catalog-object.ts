import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../runtime/clock.ts';
import { LIMITS } from '../runtime/limits.ts';
import { systemRandom } from '../runtime/random.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import type {
  CatalogApi,
  ClaimReplicaAnswer,
  ClaimReplicaRequest,
  MetadataAnswer,
  MetadataRequest,
  NoteMetadataAnswer,
  NoteMetadataRequest,
  TenantRouting,
} from './catalog-api.ts';
import { CatalogStore } from './catalog-store.ts';
import { HaElections } from './ha-elections.ts';
import { MetadataStore } from './metadata-store.ts';

/** A tenant's catalog: a thin shell around CatalogStore, MetadataStore and HaElections. */
export class Catalog extends DurableObject implements CatalogApi {
  readonly #store: CatalogStore;
  readonly #metadata: MetadataStore;
  readonly #elections: HaElections;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    const sql = durableObjectSql(state.storage);
    this.#store = new CatalogStore(sql, systemRandom);
    this.#metadata = new MetadataStore(sql, LIMITS);
    this.#elections = new HaElections(sql, LIMITS, systemClock.nowMs());
  }

  async routing(shardCount: number): Promise<TenantRouting> {
    return this.#store.routing(shardCount);
  }

  async noteMetadata(request: NoteMetadataRequest): Promise<NoteMetadataAnswer> {
    return this.#change(() => this.#metadata.note(request.entries, systemClock.nowMs()));
  }

  async metadata(request: MetadataRequest): Promise<MetadataAnswer> {
    return this.#metadata.read(request);
  }

  async claimReplica(request: ClaimReplicaRequest): Promise<ClaimReplicaAnswer> {
    return this.#change(() => this.#elections.claim(request, systemClock.nowMs()));
  }

  /** A write that failed leaves what is in memory in doubt: the next call finds the object rebuilt from storage. */
  #change<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.ctx.abort(`catalog: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}
