import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { dataFileKey, type NewFile } from '../../catalog/object-names.ts';
import { putObject } from '../../put-object.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port, PortFailure } from '../../runtime/port-failure.ts';
import { dataFileOf, type SeriesFile } from '../files/series-file-writer.ts';
import type { RewritingPorts } from './rewriting-ports.ts';

/** For a file that is written anew with less in it: what is left fits one. The bounds of bytes are for rows that come from many. */
export function limitsOfOneFile(limits: typeof LIMITS): typeof LIMITS {
  return { ...limits, archiveFileBytesTarget: Number.MAX_SAFE_INTEGER };
}

/** Puts a file that is to take the place of one of a partition and shard; `planId` is random. Throws PortFailure when the object store does not take it. */
export async function putRewritten({ store, prefix }: Pick<RewritingPorts, 'store' | 'prefix'>, file: SeriesFile, place: Pick<NewFile, 'table' | 'day' | 'shard' | 'planId'>): Promise<DataFile> {
  const key = dataFileKey(prefix, { ...place, madeBy: 'rewritten', position: 0 });
  // Commit point of the object: the store's own. Nobody else has the key.
  if ((await port(() => putObject(store, key, file.bytes))) === 'different') throw new PortFailure(`${key} has other bytes`);
  return dataFileOf(file, place.table, key);
}
