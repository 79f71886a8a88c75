/*
 * What the names of a table's objects say, behind the table's prefix: see FORMAT.md.
 */

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

export function parseMetadataName(path: string): MetadataName | undefined {
  const [, version, planId, kind] = METADATA.exec(path) ?? [];
  if (planId === undefined) return undefined;
  return { planId, version: version !== undefined && kind === '.metadata.json' ? Number(version) : undefined };
}
