import type { ArchiveTable } from '../../catalog/iceberg/archive-table.ts';
import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import type { ExternalCatalog, ExternalTables } from '../../catalog/iceberg/external-catalog.ts';
import { createRequest, planMirror } from '../../catalog/iceberg/mirror-plan.ts';
import type { TableMetadata } from '../../catalog/iceberg/table-metadata.ts';
import type { StepFailures } from '../../catalog/step-failures.ts';
import { must } from '../../runtime/assert.ts';
import type { Clock } from '../../runtime/clock.ts';
import { port } from '../../runtime/port-failure.ts';
import { TableFollower } from './table-follower.ts';

/**
 * Keeps the tables in another Iceberg REST catalog as well: what is committed there are the same snapshots, of the same files. It follows the
 * tables as they are published and expire, a commit a step, each from what the other catalog says it has: a request that was lost, or an
 * answer, or a crash anywhere, and the next try goes on from there. Nothing of Varve waits for it, and nothing reads from it.
 */
export class CatalogMirror extends TableFollower {
  readonly counters = { mirror_commits_total: 0, mirror_failures_total: 0 };
  readonly #external: ExternalCatalog;

  constructor(tables: ArchiveTables, external: ExternalCatalog, clock: Clock, failures: StepFailures) {
    super('mirror', tables, clock, failures);
    this.#external = external;
  }

  protected isBehind(table: ArchiveTable): boolean {
    return table.isMirrorBehind(this.#external.identity);
  }

  protected async follow(table: ArchiveTable): Promise<void> {
    const current = must(table.current(), 'metadata of a table that is behind');
    await port(() => this.#mirror(table, current.metadata));
    table.noteMirrored(this.#external.identity, current.location);
  }

  protected countFailure(): void {
    this.counters.mirror_failures_total++;
  }

  async #mirror(table: ArchiveTable, metadata: TableMetadata): Promise<void> {
    const { definition, location } = table;
    const catalog = await this.#external.connect();
    const remote = (await catalog.load(definition.name)) ?? (await this.#create(table, metadata, catalog));
    const plan = planMirror(definition, metadata, remote, location);
    if (plan.kind === 'refused') throw new Error(`table ${definition.name} of namespace ${this.#external.namespace}: ${plan.message}`);
    if (plan.kind === 'commit') {
      // Commit point there: the catalog's own. Who asks it from here on reads what ours had when this began.
      if ((await catalog.commit(definition.name, plan.request)) === 'conflict') throw new Error(`table ${definition.name} of namespace ${this.#external.namespace} was changed by somebody else meanwhile`);
      this.counters.mirror_commits_total++;
    }
  }

  /** The table, without snapshots. Where two create it, or an answer is lost, the one that is there is looked at. */
  async #create({ definition, location }: ArchiveTable, metadata: TableMetadata, catalog: ExternalTables): ReturnType<ExternalTables['stage']> {
    await catalog.createNamespace();
    const staged = await catalog.stage(definition, location);
    await catalog.commit(definition.name, createRequest(definition, metadata, staged, location));
    const created = await catalog.load(definition.name);
    if (created === undefined) throw new Error(`table ${definition.name} of namespace ${this.#external.namespace} was created, and is not there`);
    return created;
  }
}
