import type { ArchiveFiles } from '../../catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../catalog/catalog-api.ts';
import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { METADATA_TABLE } from '../../catalog/iceberg/metadata-table.ts';
import { partitionDay } from '../../catalog/iceberg/table-definition.ts';
import type { MetadataStore, NotedMetadata } from '../../catalog/metadata-store.ts';
import { dataFileKey } from '../../catalog/object-names.ts';
import type { ObjectStore } from '../../object-store.ts';
import { putObject } from '../../put-object.ts';
import { waitEndMs, type Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import { randomId, type Random } from '../../runtime/random.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import type { Sql } from '../../runtime/sql.ts';
import { encodeMetadataFile } from '../files/metadata-file.ts';
import { dataFileOf } from '../files/series-file-writer.ts';

/** The catalog itself: what it writes is of no shard. */
const SHARD = '0/0';
const ALL_TIME = { startMs: -8e15, endMs: 8e15 };

export interface MetadataSnapshotsOptions {
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly metadata: MetadataStore;
  readonly files: ArchiveFiles;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<typeof LIMITS, 'metadataTableIntervalMs' | 'metadataFileCharactersTarget'>;
  /** Keys begin with it: `tenant/archive`. */
  readonly prefix: string;
}

/** Stored before anything of it is written, so that after a crash the objects get the same keys. */
interface SnapshotPlan {
  readonly id: string;
  /** Number of the newest change that it has. */
  readonly changes: number;
  readonly takenMs: number;
}

/**
 * Keeps the table `metadata`: all that the catalog knows of metrics, written anew when it has changed, and not more often than
 * metadataTableIntervalMs says. The order of what becomes durable: plan → objects → one transaction, in which the new files take the place of
 * the old ones. A crash in between repeats what is behind the plan; what changes meanwhile is in the next one.
 */
export class MetadataSnapshots {
  readonly name = 'write metadata';
  readonly counters = { metadata_tables_total: 0 };
  readonly #options: MetadataSnapshotsOptions;
  readonly #pause: RetryPause;

  constructor(options: MetadataSnapshotsOptions) {
    this.#options = options;
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    const { clock, limits: { metadataTableIntervalMs } } = this.#options;
    const { changes, archivedChanges, takenMs, plan } = this.#state();
    if (plan === undefined && changes === archivedChanges) return undefined;
    const dueMs = plan === undefined && takenMs !== null ? waitEndMs(takenMs + metadataTableIntervalMs, metadataTableIntervalMs, clock.nowMs()) : -Infinity;
    return Math.max(dueMs, this.#pause.untilMs);
  }

  /** What is under way, if anything is. */
  openPlan(): { readonly id: string; readonly files: readonly number[] } | undefined {
    const { plan } = this.#state();
    return plan && { id: plan.id, files: [] };
  }

  async step(): Promise<void> {
    const plan = this.#state().plan ?? this.#begin();
    await this.#pause.attempt(async () => {
      const add: DataFile[] = [];
      for (const entries of this.#parts()) {
        const file = await this.#put(plan, add.length, entries);
        if (file === undefined) {
          // It was begun with other entries, which is no harm: another plan has other keys.
          this.#options.sql.run('UPDATE metadata_archive SET plan = NULL WHERE id = 1');
          return;
        }
        add.push(file);
      }
      this.#finish(plan, add);
    });
  }

  #begin(): SnapshotPlan {
    const { sql, clock, random } = this.#options;
    const plan = { id: randomId(random), changes: this.#state().changes, takenMs: clock.nowMs() };
    sql.run('UPDATE metadata_archive SET plan = ? WHERE id = 1', JSON.stringify(plan));
    return plan;
  }

  /** All entries, so many at a time as go into a file; each part is read when the one before has been written. */
  *#parts(): Generator<NotedMetadata[]> {
    let after = '';
    for (let more = true; more; ) {
      const part: NotedMetadata[] = [];
      let characters = 0;
      for (; more && characters < this.#options.limits.metadataFileCharactersTarget; ) {
        const page = this.#options.metadata.page(after);
        for (const { metric, help, unit } of page.entries) characters += metric.length + help.length + unit.length;
        part.push(...page.entries);
        after = part.at(-1)?.metric ?? after;
        more = page.more;
      }
      if (part.length > 0) yield part;
    }
  }

  async #put({ id, takenMs }: SnapshotPlan, position: number, entries: readonly NotedMetadata[]): Promise<DataFile | undefined> {
    const { store, prefix } = this.#options;
    const file = encodeMetadataFile(entries, takenMs);
    const key = dataFileKey(prefix, { table: 'metadata', day: partitionDay(METADATA_TABLE, takenMs), shard: SHARD, madeBy: undefined, position, planId: id });
    // Commit point of the object: the store's own.
    if ((await port(() => putObject(store, key, file.bytes))) === 'different') return undefined;
    return dataFileOf(file, 'metadata', key);
  }

  #finish({ id, changes, takenMs }: SnapshotPlan, add: readonly DataFile[]): void {
    const { sql, files, clock } = this.#options;
    // Commit point of the table: this transaction. Before it readers have the old files, behind it the new ones.
    sql.transaction(() => {
      if (this.#state().plan?.id !== id) throw new Error('this instance of the catalog has been replaced');
      const remove = files.files({ version: CATALOG_RPC_VERSION, table: 'metadata', ...ALL_TIME, after: undefined }).files.map(({ file }) => file);
      if (remove.length + add.length > 0) files.replace({ id, table: 'metadata', shard: SHARD, remove, add, nowMs: clock.nowMs() });
      sql.run('UPDATE metadata_archive SET archived_changes = ?, taken_ms = ?, plan = NULL WHERE id = 1', changes, takenMs);
    });
    this.counters.metadata_tables_total++;
  }

  #state(): { readonly changes: number; readonly archivedChanges: number; readonly takenMs: number | null; readonly plan: SnapshotPlan | undefined } {
    const [row] = this.#options.sql.all<{ changes: number; archived_changes: number; taken_ms: number | null; plan: string | null }>('SELECT changes, archived_changes, taken_ms, plan FROM metadata_archive WHERE id = 1');
    const { changes, archived_changes: archivedChanges, taken_ms: takenMs, plan } = row!;
    return { changes, archivedChanges, takenMs, plan: plan === null ? undefined : (JSON.parse(plan) as SnapshotPlan) };
  }
}
