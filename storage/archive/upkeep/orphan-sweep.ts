import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import { parseFileName, parseMetadataName } from '../../catalog/object-names.ts';
import type { RemovedObjectsStore } from '../../catalog/removed-objects.ts';
import type { ObjectStore } from '../../object-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';

/** A plan that is stored, and not carried out yet: its id is in the names of the objects that it makes, and it reads some files. */
export interface OpenPlan {
  readonly id: string;
  readonly files: readonly number[];
}

/** What objects that the catalog does not know may still be of. */
export interface OpenWork {
  /** Shard → sequence of its newest commit. */
  readonly committed: ReadonlyMap<string, number>;
  /** Of merges, deletions, roll-ups and snapshots that are under way. */
  readonly planIds: ReadonlySet<string>;
}

/**
 * Whether nobody will ever refer to an object that the catalog does not know. `path` is its key behind the table's prefix.
 *
 * A shard's flush writes its files long before it commits them, if the object store or the catalog is away for days: age says nothing of
 * them. Their names have the flush's number, which is that of the commit, and no two flushes of a shard share one: so a file of a flush up
 * to the newest commit is either known or will never be, and one behind it stays. Merges, deletions, roll-ups and snapshots are the catalog's own: the
 * ids in the names are those of their plans, random for each, and what is of none that is stored was given up. A name of another kind is
 * somebody else's, and stays.
 */
export function isOrphan(path: string, { committed, planIds }: OpenWork): boolean {
  const file = parseFileName(path);
  if (file?.flush !== undefined) return file.flush <= (committed.get(file.shard) ?? 0);
  const id = file?.planId ?? parseMetadataName(path)?.planId;
  return id !== undefined && !planIds.has(id);
}

export interface OrphanSweepOptions {
  readonly removed: RemovedObjectsStore;
  readonly tables: ArchiveTables;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly limits: Pick<typeof LIMITS, 'archiveOrphanAgeMs' | 'archiveSweepPeriodMs'>;
  /** Keys begin with it: `tenant/archive`. */
  readonly prefix: string;
  /** The catalog's plans, snapshots left out. */
  readonly openPlans: () => readonly OpenPlan[];
}

/**
 * Searches the object store for objects that nobody refers to and removes them: a page of keys a step, all of them once in a day. An
 * object must also have a certain age: an instance of the catalog that was replaced, and lives on for a while with an old view of the
 * database, must not take the new one's work for nobody's. And it must be older than the search before: a catalog whose storage has gone
 * back to an earlier state does not know what it did since, and hears of it from its shards (`commitsLostMs`) before it searches again.
 */
export class OrphanSweep {
  readonly name = 'search for orphans';
  readonly counters = { archive_orphans_removed_total: 0 };
  readonly #options: OrphanSweepOptions;
  readonly #pause: RetryPause;
  /** Where the search has come to; after a restart it begins anew. */
  #table = 0;
  #cursor: string | undefined;

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    const { removed } = this.#options;
    return removed.isUsed ? Math.max(this.#wasAhead ? -Infinity : (removed.nextSweepMs ?? -Infinity), this.#pause.untilMs) : undefined;
  }

  /** Whether the next search was put off by a clock that was ahead: it is further away than any is put off now. */
  get #wasAhead(): boolean {
    const { removed, clock } = this.#options;
    return (removed.nextSweepMs ?? -Infinity) > clock.nowMs() + this.#putOffMsMax;
  }

  /** Behind a search, or behind an adoption (catalog-recovery.ts). */
  get #putOffMsMax(): number {
    const { archiveSweepPeriodMs, archiveOrphanAgeMs } = this.#options.limits;
    return Math.max(archiveSweepPeriodMs, archiveOrphanAgeMs);
  }

  async step(): Promise<void> {
    const { tables, store, removed, clock, limits, prefix } = this.#options;
    // For the longest time there is, since an adoption may have put it off: by then no snapshot of before that is left.
    if (this.#wasAhead) {
      removed.nextSweepMs = clock.nowMs() + this.#putOffMsMax;
      return;
    }
    const [name, table] = tables.all()[this.#table]!;
    const tablePrefix = `${prefix}/${name}/`;
    const isDone = await this.#pause.attempt(async () => {
      const page = await port(() => store.list(tablePrefix, this.#cursor));
      const { nextSweepMs } = removed;
      const searchedMs = nextSweepMs === undefined ? -Infinity : nextSweepMs - limits.archiveSweepPeriodMs;
      const throughMs = Math.min(clock.nowMs() - limits.archiveOrphanAgeMs, searchedMs);
      const old = page.objects.filter(({ uploadedMs }) => uploadedMs <= throughMs && uploadedMs > (removed.commitsLostMs ?? -Infinity)).map(({ key }) => key);
      const known = removed.known(old);
      const { keys, planId } = table.references();
      const work = { committed: removed.committed(), planIds: new Set([...this.#options.openPlans().map(({ id }) => id), ...(planId === undefined ? [] : [planId])]) };
      const orphans = old.filter((key) => !known.has(key) && !keys.has(key) && isOrphan(key.slice(tablePrefix.length), work));
      if (orphans.length > 0) await port(() => store.delete(orphans));
      this.counters.archive_orphans_removed_total += orphans.length;
      this.#advance(page.cursor);
    });
    // A cursor may be what has failed: this table is begun anew.
    if (!isDone) this.#cursor = undefined;
  }

  #advance(cursor: string | undefined): void {
    const { tables, removed, clock, limits } = this.#options;
    this.#cursor = cursor;
    if (cursor !== undefined || ++this.#table < tables.all().length) return;
    this.#table = 0;
    removed.nextSweepMs = clock.nowMs() + limits.archiveSweepPeriodMs;
  }
}
