import { DecodeError } from '../../../proto/decode-error.ts';
import type { Sql } from '../../runtime/sql.ts';
import { parseJsonObject } from '../iceberg/parse-json.ts';
import type { ArchiveTableName } from '../iceberg/table-definition.ts';

/** Property of a table that shards flush into: how far it has what they have committed. */
export const COMMITTED_PROPERTY = 'varve.committed';

/** Tables that shards flush into. */
export const FLUSHED_TABLES: readonly ArchiveTableName[] = ['samples', 'exemplars'];

/** A shard's flushes up to `flush` are in a table, or have been in it and have left; its samples before a time (Unix ms) are in `samples`. */
export interface CommittedFlushes {
  readonly shard: string;
  readonly flush: number;
  /** `undefined`: nothing is said of it. */
  readonly archivedUntilMs: number | undefined;
}

/** By shard: newest flush, and archived until. */
type CommittedText = Readonly<Record<string, readonly [number, number | null]>>;

interface ShardRow extends Record<string, string | number | null> {
  readonly shard: string;
  readonly sequence: number;
  readonly archived_until_ms: number | null;
}

/**
 * What a table has when its changes up to `through` are in it, for a catalog that has to be told. Of a shard of which later changes have files,
 * or flushes are missing (recovery-state.ts), nobody can say so: there stays what the text `before` says. Some 30 characters a shard, of which a
 * tenant has a few.
 */
export function encodeCommitted(sql: Sql, table: ArchiveTableName, through: number, before: string | undefined): string {
  const known: CommittedText = before === undefined ? {} : (JSON.parse(before) as CommittedText);
  const ahead = new Set(sql.all<{ shard: string }>('SELECT shard FROM data_file WHERE table_name = ? AND added_change > ? UNION SELECT shard FROM lost_flush', table, through).map(({ shard }) => shard));
  const rows = sql.all<ShardRow>('SELECT shard, sequence, archived_until_ms FROM archive_shard ORDER BY shard');
  const entries = rows.flatMap(({ shard, sequence, archived_until_ms: untilMs }): [string, readonly [number, number | null]][] => {
    if (!ahead.has(shard)) return [[shard, [sequence, untilMs]]];
    return known[shard] === undefined ? [] : [[shard, known[shard]]];
  });
  return JSON.stringify(Object.fromEntries(entries) satisfies CommittedText);
}

/** The other direction of `encodeCommitted`. Text from a bucket, where anybody may have written: throws a DecodeError that says `where` it is. */
export function decodeCommitted(text: string, where: string): CommittedFlushes[] {
  return Object.entries(parseJsonObject(text, where)).map(([shard, item]: [string, unknown]) => {
    const [flush, untilMs] = Array.isArray(item) ? (item as readonly unknown[]) : [];
    if (!/^\d+\/\d+$/.test(shard) || !Number.isSafeInteger(flush) || !(untilMs === null || Number.isSafeInteger(untilMs))) throw new DecodeError(`${where}: of ${shard} has ${JSON.stringify(item)}`);
    return { shard, flush: flush as number, archivedUntilMs: (untilMs as number | null) ?? undefined };
  });
}
