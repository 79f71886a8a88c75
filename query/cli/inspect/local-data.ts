import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/*
 * The data folder of `npm start` as Miniflare lays it out: a SQLite database for each Durable Object, `do/varve-CLASS/ID.sqlite`, and for
 * R2 the objects' bodies, `r2/BUCKET/blobs/ID`, whose keys are in a database of the bucket. Everything is opened to be read only.
 */
const R2_OBJECTS = 'r2/miniflare-R2BucketObject';
const BUCKET = 'varve-archive';

export interface LocalDatabase {
  /** Shard, Catalog or Keyring. */
  readonly className: string;
  readonly path: string;
  /** With those of its write-ahead log, where most of a young database is. */
  readonly bytes: number;
}

export interface LocalObject {
  readonly key: string;
  readonly bytes: number;
  readonly uploadedMs: number;
  readonly blobPath: string;
}

export function isDataFolder(folder: string): boolean {
  return existsSync(join(folder, 'do')) || existsSync(join(folder, 'r2'));
}

export function localDatabases(folder: string): LocalDatabase[] {
  const classes = list(join(folder, 'do'));
  return classes.flatMap((name) => {
    const files = list(join(folder, 'do', name)).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
    return files.map((file) => {
      const path = join(folder, 'do', name, file);
      return { className: name.replace(/^.*-/, ''), path, bytes: sizeOf(path) + sizeOf(`${path}-wal`) };
    });
  });
}

/** Objects of the bucket by key, or those whose keys begin with a prefix. */
export function localObjects(folder: string, prefix = ''): LocalObject[] {
  const databases = list(join(folder, R2_OBJECTS)).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
  const objects = databases.flatMap((file) => {
    const database = openReadOnly(join(folder, R2_OBJECTS, file));
    try {
      return database.prepare('SELECT key, blob_id, size, uploaded FROM _mf_objects WHERE blob_id IS NOT NULL AND substr(key, 1, ?) = ? ORDER BY key').all(prefix.length, prefix);
    } finally {
      database.close();
    }
  });
  return objects.map((row) => ({ key: String(row['key']), bytes: Number(row['size']), uploadedMs: Number(row['uploaded']), blobPath: join(folder, 'r2', BUCKET, 'blobs', String(row['blob_id'])) }));
}

export function readLocalObject({ blobPath }: LocalObject): Uint8Array {
  return readFileSync(blobPath);
}

export function openReadOnly(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true });
}

/** Of a file in bytes; 0 where there is none. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
