import type { ArchiveFiles } from '../../catalog/archive-files.ts';
import type { ObjectStore } from '../../object-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Random } from '../../runtime/random.ts';
import type { Sql } from '../../runtime/sql.ts';

/** What every task needs that writes files of a tenant's archive out of others. */
export interface RewritingPorts {
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly files: ArchiveFiles;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: typeof LIMITS;
  /** Keys begin with it: `tenant/archive`. */
  readonly prefix: string;
  /** Key of the tenant's series ids. */
  readonly seriesHashKey: () => Uint8Array;
}
