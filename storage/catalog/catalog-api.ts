import type { MetadataEntry } from '../model/metadata.ts';
import type {
  ArchiveCleanAnswer,
  ArchiveCleanRequest,
  ArchiveCommitAnswer,
  ArchiveCommitRequest,
  ArchiveDeleteAnswer,
  ArchiveDeleteRequest,
  ArchiveFilesAnswer,
  ArchiveFilesRequest,
  ArchiveStatusAnswer,
  ArchiveStatusRequest,
  RollupDaysAnswer,
  RollupDaysRequest,
} from './archive-api.ts';
import type { LoadTableAnswer, LoadTableRequest, TablesAnswer } from './iceberg/table-api.ts';

export const CATALOG_RPC_VERSION = 1;

/**
 * Which shards hold the samples from `fromMs` (Unix ms) until the next map's, whenever they are written: one that is sent again goes where it
 * has gone before. A series lives on shard `id % shardCount`.
 */
export interface ShardMap {
  readonly epoch: number;
  readonly fromMs: number;
  readonly shardCount: number;
  /** Its shards have no samples any more that are not in the archive. Absent where they may, and from catalogs of an older release. */
  readonly isDrained?: boolean;
}

/** What a Worker must know of a tenant before it can route. Neither the key nor a map's times and count ever change; maps are only added. */
export interface TenantRouting {
  readonly version: number;
  /** 16 random bytes: see storage/model/series-id.ts. Never shown to anyone. */
  readonly seriesHashKey: Uint8Array;
  /** By rising epoch and time; the last one may be one that is to come. */
  readonly shardMaps: readonly ShardMap[];
}

/** Another number of shards for what is written from a time on that the catalog chooses (shard-map-plan.ts). */
export interface AddShardMapRequest {
  readonly version: number;
  readonly shardCount: number;
  /** How far ahead of now the tenant's samples may be (its timestampAheadMsMax): none that is there already is behind the new map's start. */
  readonly timestampAheadMs: number;
}

export type AddShardMapAnswer =
  /** The maps as they are now; `unchanged`: the last one has this number already. */
  | { readonly version: number; readonly status: 'added' | 'unchanged'; readonly shardMaps: readonly ShardMap[] }
  /** Over a limit, which the message names. */
  | { readonly version: number; readonly status: 'refused'; readonly message: string };

export interface NoteMetadataRequest {
  readonly version: number;
  readonly entries: readonly MetadataEntry[];
}

export interface NoteMetadataAnswer {
  readonly version: number;
  /** Older entries that made room, over `metadataPerMetricMax` or `metadataEntriesMax`. */
  readonly replaced: number;
}

export interface MetadataRequest {
  readonly version: number;
  /** Only this metric; `undefined` for all. */
  readonly metric: string | undefined;
  /** Only metrics behind this name, to read on; `''` from the start. */
  readonly after: string;
  /** At most this many metrics, and entries of each; at least 1. */
  readonly metricsMax: number;
  readonly perMetricMax: number;
}

/** Entries by metric name, in the order of its UTF-8 bytes, the entries of a metric together and the newest first. */
export interface MetadataAnswer {
  readonly version: number;
  readonly entries: readonly MetadataEntry[];
  /** There are metrics behind the last one here. */
  readonly more: boolean;
}

/** A replica of a cluster of Prometheus servers has sent samples; see ha-elections.ts. */
export interface ClaimReplicaRequest {
  readonly version: number;
  readonly cluster: string;
  readonly replica: string;
}

export type ClaimReplicaAnswer =
  /** Who is elected; nobody else will be for another `leaseMs` (0 or more). `isElected`: it is the one that claimed. */
  | { readonly version: number; readonly status: 'elected'; readonly replica: string; readonly isElected: boolean; readonly leaseMs: number }
  /** Over a limit, which the message names. */
  | { readonly version: number; readonly status: 'refused'; readonly message: string };

export interface CatalogStats {
  readonly version: number;
  /** What has been done to the archive since the object woke, by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** A tenant's catalog as its callers see it: the RPC port. */
export interface CatalogApi {
  /** The routing, made at the first call: `shardCount` only counts then. */
  routing(shardCount: number): Promise<TenantRouting>;
  /** Adds a shard map to a tenant that has one; harmless to repeat. */
  addShardMap(request: AddShardMapRequest): Promise<AddShardMapAnswer>;
  /** Keeps what is known of metrics, durably; harmless to repeat. */
  noteMetadata(request: NoteMetadataRequest): Promise<NoteMetadataAnswer>;
  metadata(request: MetadataRequest): Promise<MetadataAnswer>;
  /** Takes a shard's files into the archive; harmless to repeat. */
  archiveCommit(request: ArchiveCommitRequest): Promise<ArchiveCommitAnswer>;
  /** Deletes samples of the archive, for all who ask from then on; each call does it anew. */
  archiveDelete(request: ArchiveDeleteRequest): Promise<ArchiveDeleteAnswer>;
  /** Carries a bounded piece of what was deleted out in files. */
  archiveClean(request: ArchiveCleanRequest): Promise<ArchiveCleanAnswer>;
  /** Which files of the archive may have samples of a range, a page at a time. */
  archiveFiles(request: ArchiveFilesRequest): Promise<ArchiveFilesAnswer>;
  /** Which days have roll-ups that are up to date. */
  rollupDays(request: RollupDaysRequest): Promise<RollupDaysAnswer>;
  /** What the archive has, by table and day. Reads a row for each file: for people, not for scrapes. */
  archiveStatus(request: ArchiveStatusRequest): Promise<ArchiveStatusAnswer>;
  /** What /metrics shows of the catalog. */
  stats(): Promise<CatalogStats>;
  /** The Iceberg tables that have a snapshot. */
  tables(): Promise<TablesAnswer>;
  /** The newest metadata of an Iceberg table. */
  loadTable(request: LoadTableRequest): Promise<LoadTableAnswer>;
  /** Elects one replica of each cluster; harmless to repeat. */
  claimReplica(request: ClaimReplicaRequest): Promise<ClaimReplicaAnswer>;
}
