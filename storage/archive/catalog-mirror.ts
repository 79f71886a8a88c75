import type { UpkeepStatus } from '../catalog/archive-api.ts';
import type { ArchiveTable } from '../catalog/archive-table.ts';
import type { ArchiveTables } from '../catalog/archive-tables.ts';
import type { ExternalCatalog, ExternalTables } from '../catalog/external-catalog.ts';
import { createRequest, planMirror } from '../catalog/mirror-plan.ts';
import type { StepFailures } from '../catalog/step-failures.ts';
import type { TableMetadata } from '../catalog/table-metadata.ts';
import type { Clock } from '../runtime/clock.ts';
import { port, PortFailure } from '../runtime/port-failure.ts';
import { RetryPause } from '../runtime/retry-pause.ts';

interface MirroredTable {
  /** For people: `mirror samples`. */
  readonly name: string;
  readonly table: ArchiveTable;
  readonly pause: RetryPause;
}

/**
 * Keeps the tables in another Iceberg REST catalog as well: what is committed there are the same snapshots, of the same files. It follows the
 * tables as they are published and expire, a commit a step, each from what the other catalog says it has: a request that was lost, or an
 * answer, or a crash anywhere, and the next try goes on from there. Nothing of Varve waits for it, and nothing reads from it.
 */
export class CatalogMirror {
  readonly counters = { mirror_commits_total: 0, mirror_failures_total: 0 };
  readonly #external: ExternalCatalog;
  readonly #tables: readonly MirroredTable[];
  readonly #clock: Clock;
  readonly #failures: StepFailures;

  constructor(tables: ArchiveTables, external: ExternalCatalog, clock: Clock, failures: StepFailures) {
    this.#external = external;
    this.#tables = tables.all().map(([name, table]) => ({ name: `mirror ${name}`, table, pause: new RetryPause(clock) }));
    this.#clock = clock;
    this.#failures = failures;
  }

  /** One line for each table that is behind there. */
  status(): UpkeepStatus[] {
    return this.#tables.flatMap((mirrored) => {
      const dueMs = this.#dueMs(mirrored);
      if (dueMs === undefined) return [];
      const { name, pause } = mirrored;
      return [{ task: name, dueMs, begun: undefined, next: undefined, failure: this.#failures.failureOf(name) ?? pause.failure }];
    });
  }

  nextDueMs(): number | undefined {
    const due = this.#tables.flatMap((mirrored) => this.#dueMs(mirrored) ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Brings one table up to date. A failure is counted, and waits. */
  async step(): Promise<void> {
    const next = this.#tables.find((mirrored) => (this.#dueMs(mirrored) ?? Infinity) <= this.#clock.nowMs());
    if (next !== undefined) await this.#failures.run(next.name, () => this.#bringUpToDate(next));
  }

  #dueMs({ name, table, pause }: MirroredTable): number | undefined {
    return this.#failures.dueMs(name, () => (table.isMirrorBehind(this.#external.identity) ? pause.untilMs : undefined));
  }

  async #bringUpToDate({ table, pause }: MirroredTable): Promise<void> {
    const current = table.current();
    if (current === undefined) return;
    try {
      await port(() => this.#mirror(table, current));
    } catch (error) {
      if (!(error instanceof PortFailure)) throw error;
      this.counters.mirror_failures_total++;
      pause.failed(error);
      return;
    }
    table.noteMirrored(this.#external.identity, current.location);
    pause.succeeded();
  }

  async #mirror(table: ArchiveTable, { metadata }: { readonly metadata: TableMetadata }): Promise<void> {
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
