import { partitionFolder, type ArchiveTableName } from './iceberg/table-definition.ts';
import { tableDefinition } from './iceberg/table-definitions.ts';

/* The names of a table's objects, behind the table's prefix, `tenant/archive/NAME`: how they are made, and what they say. See archive/FORMAT.md. */

const FLUSHED = /^data\/[^/]+\/(\d+)-(\d+)-(\d{8,})-(\d{4,})-([0-9a-f]{32})(?:-\d+)?\.parquet$/;
const REWRITTEN = /^data\/[^/]+\/(\d+)-(\d+)-(?:merged-|rewritten-)?(\d{4,})-([0-9a-f]{32})\.parquet$/;
const METADATA = /^metadata\/(?:snap-\d+-|(\d{5,})-)?([0-9a-f]{32})(-m\d+\.avro|\.avro|\.metadata\.json)$/;

/** A data file, by its name. */
export interface FileName {
  /** `epoch/number`. */
  readonly shard: string;
  /** Number of the shard's flush that made it; `undefined`: it was made of other files. */
  readonly flush: number | undefined;
  readonly position: number;
  readonly planId: string;
}

/** A data file that is about to be written. */
export interface NewFile extends Omit<FileName, 'flush'> {
  readonly table: ArchiveTableName;
  /** First day (since 1970) of its partition. */
  readonly day: number;
  /** The number of a flush, or how it was made of other files; `undefined` of roll-ups and metadata, which are of one kind only. */
  readonly madeBy: number | 'merged' | 'rewritten' | undefined;
  /** Where one of the same name is there with other bytes: what tells these. */
  readonly crc?: number;
}

/** The key of a data file. `prefix` is that of all tables, `tenant/archive`. */
export function dataFileKey(prefix: string, { table, day, shard, madeBy, position, planId, crc }: NewFile): string {
  const maker = typeof madeBy === 'number' ? padded(madeBy, 8) : madeBy;
  const parts = [shard.replace('/', '-'), maker, padded(position, 4), planId, crc].filter((part) => part !== undefined);
  return `${prefix}/${table}/data/${partitionFolder(tableDefinition(table), day)}/${parts.join('-')}.parquet`;
}

/** `undefined` for a name of another kind. */
export function parseFileName(path: string): FileName | undefined {
  const flushed = FLUSHED.exec(path);
  if (flushed !== null) return { shard: `${flushed[1]}/${flushed[2]}`, flush: Number(flushed[3]), position: Number(flushed[4]), planId: flushed[5]! };
  const rewritten = REWRITTEN.exec(path);
  return rewritten === null ? undefined : { shard: `${rewritten[1]}/${rewritten[2]}`, flush: undefined, position: Number(rewritten[3]), planId: rewritten[4]! };
}

export interface MetadataName {
  readonly planId: string;
  /** Of table metadata; `undefined` for manifests and manifest lists. */
  readonly version: number | undefined;
}

/** `undefined` for a name of another kind. */
export function parseMetadataName(path: string): MetadataName | undefined {
  const [, version, planId, kind] = METADATA.exec(path) ?? [];
  if (planId === undefined) return undefined;
  return { planId, version: version !== undefined && kind === '.metadata.json' ? Number(version) : undefined };
}

/** `version` is that of the table's metadata, which counts all that was written of it. */
export function metadataName(version: number, planId: string): string {
  return `metadata/${padded(version, 5)}-${planId}.metadata.json`;
}

export function manifestListName(snapshotId: number, planId: string): string {
  return `metadata/snap-${snapshotId}-${planId}.avro`;
}

export function manifestName(position: number, planId: string): string {
  return `metadata/${planId}-m${position}.avro`;
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}
