import { ObjectEvaluation } from '../../query/source/object-evaluation.ts';
import type { ArchiveDeleteAnswer, UpkeepStatus } from '../../storage/catalog/archive-api.ts';
import { ArchiveFiles } from '../../storage/catalog/archive-files.ts';
import { archiveStatus } from '../../storage/catalog/archive-status.ts';
import { CATALOG_RPC_VERSION, type CatalogApi } from '../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../storage/catalog/catalog-store.ts';
import { markDrained } from '../../storage/catalog/drained-maps.ts';
import { HaElections } from '../../storage/catalog/ha-elections.ts';
import type { LoadTableAnswer } from '../../storage/catalog/iceberg/table-api.ts';
import { MetadataStore } from '../../storage/catalog/metadata-store.ts';
import { rollupDays } from '../../storage/catalog/rollup-days.ts';
import { Tombstones } from '../../storage/catalog/tombstones.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { ObjectNamespaces } from '../../storage/shard-router.ts';
import { HotStore } from '../../storage/shard/hot-store.ts';
import { orSelectionRefused } from '../../storage/shard/select/selection-work.ts';
import type { FlushStatus, ShardApi } from '../../storage/shard/shard-api.ts';
import { migrate as migrateShard } from '../../storage/shard/shard-schema.ts';
import { snapshotAnswer } from '../../storage/shard/snapshots.ts';
import { NodeSql } from './node-sql.ts';
import { SeededRandom } from './seeded-random.ts';

type Method = keyof ShardApi;

/** What a call shall suffer: the object never hears of it, or does its work and the answer is lost. Overloaded is the platform's refusal. */
export type CallFault = 'lose-request' | 'lose-answer' | 'overloaded';

interface CatalogState {
  readonly sql: NodeSql;
  readonly catalog: CatalogStore;
  readonly files: ArchiveFiles;
  readonly metadata: MetadataStore;
  readonly elections: HaElections;
}

interface ShardState {
  readonly database: NodeSql;
  store: HotStore | undefined;
}

/**
 * Durable Objects in one process: each shard a HotStore over its own SQLite, each message and answer copied as RPC copies it, each call
 * at least one turn of the event loop away. It counts the calls, forgets a store's memory when told to, and loses what it is told to lose.
 */
export class MemoryShards implements ObjectNamespaces {
  readonly calls = new Map<string, number>();
  /** Taken from the front, one a shard call, while there are any. `undefined` lets the call pass. */
  readonly faults: (CallFault | undefined)[] = [];
  /** Calls of catalogs are lost. */
  catalogsAreDown = false;
  /** What every shard says of its flush: there is none here. */
  flushStatus: FlushStatus | undefined;
  /** What every catalog says of its upkeep: none runs here. */
  upkeepStatus: readonly UpkeepStatus[] = [];
  /** What every catalog says that it has done. */
  catalogCounters: Readonly<Record<string, number>> = {};
  /** Called before every append reaches its shard. */
  onAppend: (shard: string) => void = () => {};
  /** Iceberg tables by name, of catalogs by name, as a test has put them there. */
  readonly tables = new Map<string, ReadonlyMap<string, { readonly metadataLocation: string; readonly metadata: string }>>();
  /** The catalogs' clock, Unix ms. */
  nowMs = 0;
  /** What catalogs go by to tell which shards have nothing any more. */
  hotRetentionMs: number = LIMITS.hotRetentionArchivedMs;
  isArchived = true;
  readonly #limits: typeof LIMITS;
  readonly #shards = new Map<string, ShardState>();
  readonly #catalogs = new Map<string, NodeSql>();
  readonly #catalogStates = new Map<string, CatalogState>();
  readonly #random = new SeededRandom(1);

  constructor(limits: typeof LIMITS = LIMITS) {
    this.#limits = limits;
  }

  catalog(name: string): CatalogApi {
    const call = async <T>(method: keyof CatalogApi, body: (catalog: CatalogState) => T): Promise<T> => {
      this.#count(method);
      await turn();
      if (this.catalogsAreDown) throw new Error('Network connection lost.');
      return structuredClone(body(this.#catalogOf(name)));
    };
    return {
      routing: (shardCount) =>
        call('routing', ({ sql, catalog }) => {
          const routing = catalog.routing(shardCount);
          return { ...routing, shardMaps: markDrained(sql, routing.shardMaps, { nowMs: this.nowMs, hotRetentionMs: this.hotRetentionMs, isArchived: this.isArchived }) };
        }),
      addShardMap: (request) => call('addShardMap', ({ catalog }) => catalog.addShardMap(request, this.nowMs)),
      noteMetadata: ({ entries }) => call('noteMetadata', ({ metadata }) => metadata.note(structuredClone(entries), this.nowMs)),
      metadata: (request) => call('metadata', ({ metadata }) => metadata.read(request)),
      archiveCommit: (request) => call('archiveCommit', ({ files }) => ({ version: CATALOG_RPC_VERSION, ...files.commit(request, this.nowMs) })),
      archiveStatus: () => call('archiveStatus', ({ sql }) => ({ ...archiveStatus(sql), upkeep: this.upkeepStatus })),
      stats: () => call('stats', () => ({ version: CATALOG_RPC_VERSION, counters: this.catalogCounters })),
      archiveDelete: (request) =>
        call('archiveDelete', ({ sql }): ArchiveDeleteAnswer => {
          const message = new Tombstones(sql, this.#limits).add(request, this.nowMs);
          return message === undefined ? { version: CATALOG_RPC_VERSION, status: 'deleted' } : { version: CATALOG_RPC_VERSION, status: 'refused', message };
        }),
      // No upkeep runs here.
      archiveClean: () => call('archiveClean', () => ({ version: CATALOG_RPC_VERSION, more: false })),
      archiveFiles: (request) => call('archiveFiles', ({ files }) => files.files(request)),
      rollupDays: (request) => call('rollupDays', ({ sql }) => rollupDays(sql, request)),
      tables: () => call('tables', () => ({ version: CATALOG_RPC_VERSION, names: [...(this.tables.get(name)?.keys() ?? [])] })),
      loadTable: (request) =>
        call('loadTable', (): LoadTableAnswer => {
          const table = this.tables.get(name)?.get(request.name);
          return table === undefined ? { version: CATALOG_RPC_VERSION, status: 'unknown' } : { version: CATALOG_RPC_VERSION, status: 'found', ...table };
        }),
      claimReplica: (request) => call('claimReplica', ({ elections }) => elections.claim(request, this.nowMs)),
    };
  }

  /** The files of a catalog, for what its upkeep would do. */
  filesOf(name: string): ArchiveFiles {
    return this.#catalogOf(name).files;
  }

  #catalogOf(name: string): CatalogState {
    let sql = this.#catalogs.get(name);
    if (sql === undefined) this.#catalogs.set(name, (sql = emptyCatalog().copy()));
    let state = this.#catalogStates.get(name);
    if (state === undefined) {
      const catalog = new CatalogStore(sql, this.#random);
      state = { sql, catalog, files: new ArchiveFiles(sql, this.#limits), metadata: new MetadataStore(sql, this.#limits), elections: new HaElections(sql, this.#limits, this.nowMs) };
      this.#catalogStates.set(name, state);
    }
    return state;
  }

  /** The catalogs' objects go; what they have stored stays. */
  evictCatalogs(): void {
    this.#catalogStates.clear();
  }

  shard(name: string): ShardApi {
    const call = async <M extends Method>(method: M, ...args: Parameters<ShardApi[M]>): Promise<Awaited<ReturnType<ShardApi[M]>>> => {
      this.#count(method);
      const fault = this.faults.shift();
      const sent = structuredClone(args);
      await turn();
      if (fault === 'lose-request') throw new Error('Network connection lost.');
      if (fault === 'overloaded') throw Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true });
      if (method === 'append') this.onAppend(name);
      const store = this.storeOf(name);
      const answer = await (methodsOf(store, this.flushStatus)[method] as (...parameters: Parameters<ShardApi[M]>) => Answer<M>)(...sent);
      const received = structuredClone(answer);
      await turn();
      if (fault === 'lose-answer') throw new Error('Network connection lost.');
      return received;
    };
    return {
      append: (...parameters) => call('append', ...parameters),
      appendLate: (message) => call('appendLate', message),
      select: (request) => call('select', request),
      evaluate: (request) => call('evaluate', request),
      labelNames: (request) => call('labelNames', request),
      labelValues: (label, request) => call('labelValues', label, request),
      series: (request) => call('series', request),
      selectExemplars: (request) => call('selectExemplars', request),
      changes: (request) => call('changes', request),
      cardinality: (request) => call('cardinality', request),
      deleteSeries: (request) => call('deleteSeries', request),
      createSnapshot: () => call('createSnapshot'),
      snapshots: () => call('snapshots'),
      deleteSnapshot: (id) => call('deleteSnapshot', id),
      segmentSummaries: () => call('segmentSummaries'),
      stats: () => call('stats'),
      flushStatus: () => call('flushStatus'),
    };
  }

  /** The store behind a name, woken if need be. */
  storeOf(name: string): HotStore {
    let state = this.#shards.get(name);
    if (state === undefined) this.#shards.set(name, (state = { database: emptyShard().copy(), store: undefined }));
    return (state.store ??= new HotStore(new NodeSql(state.database.database), this.#limits));
  }

  /** Changes what a shard has stored, which finds it so when it wakes. */
  damage(name: string, statement: string): void {
    if (!this.#shards.has(name)) this.storeOf(name);
    this.#shards.get(name)!.database.run(statement);
    this.evict(name);
  }

  get shardNames(): string[] {
    return [...this.#shards.keys()].sort();
  }

  /** The object goes; what it has stored stays. */
  evict(name: string): void {
    const state = this.#shards.get(name);
    if (state !== undefined) state.store = undefined;
  }

  evictAll(): void {
    for (const name of this.#shards.keys()) this.evict(name);
  }

  callsOf(method: Method | keyof CatalogApi): number {
    return this.calls.get(method) ?? 0;
  }

  #count(method: string): void {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
  }
}

/** Databases with a schema and nothing in it: bringing hundreds of them up to date takes a test seconds, copying them does not. */
const emptyCatalog = once((sql) => new CatalogStore(sql, new SeededRandom(0)));
const emptyShard = once(migrateShard);

function once(fill: (sql: NodeSql) => void): () => NodeSql {
  let made: NodeSql | undefined;
  return () => {
    if (made === undefined) fill((made = new NodeSql()));
    return made;
  };
}

type Answer<M extends Method> = Awaited<ReturnType<ShardApi[M]>> | ReturnType<ShardApi[M]>;
type Methods = { readonly [M in Method]: (...parameters: Parameters<ShardApi[M]>) => Answer<M> };

/** What the object's shell calls for each method. */
function methodsOf(store: HotStore, flushStatus: FlushStatus | undefined): Methods {
  return {
    append: (message, wishes) => store.append(message, wishes),
    appendLate: (message) => store.late.append(message),
    select: (request) => orSelectionRefused(() => store.select(request)),
    evaluate: (request) => new ObjectEvaluation(store).evaluate(request),
    labelNames: (request) => orSelectionRefused(() => store.labelNames(request)),
    labelValues: (label, request) => orSelectionRefused(() => store.labelValues(label, request)),
    series: (request) => orSelectionRefused(() => store.series(request)),
    selectExemplars: (request) => orSelectionRefused(() => store.selectExemplars(request)),
    changes: (request) => orSelectionRefused(() => store.changes(request)),
    cardinality: (request) => orSelectionRefused(() => store.cardinality(request)),
    deleteSeries: (request) => orSelectionRefused(() => store.deleteSeries(request)),
    createSnapshot: () => snapshotAnswer(() => store.createSnapshot()),
    snapshots: () => store.listSnapshots(),
    deleteSnapshot: (id) => {
      const isThere = store.listSnapshots().includes(id);
      if (isThere) store.deleteSnapshot(id);
      return isThere;
    },
    segmentSummaries: () => store.segmentSummaries(),
    stats: () => store.stats(),
    flushStatus: () => flushStatus,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
