import { ArchiveTable, type ArchiveTableOptions } from './archive-table.ts';
import type { ArchiveTableName, TableDefinition } from './table-definition.ts';
import { TABLE_DEFINITIONS } from './table-definitions.ts';

export interface ArchiveTablesOptions extends Omit<ArchiveTableOptions, 'definition' | 'prefix'> {
  /** All keys of the archive begin with this: `tenant/archive`. */
  readonly prefix: string;
  /** Those of a tenant, unless given. */
  readonly definitions?: readonly TableDefinition[];
}

/** A tenant's Iceberg tables. */
export class ArchiveTables {
  readonly #tables: ReadonlyMap<ArchiveTableName, ArchiveTable>;

  constructor({ prefix, definitions = TABLE_DEFINITIONS, ...options }: ArchiveTablesOptions) {
    this.#tables = new Map(definitions.map((definition) => [definition.name, new ArchiveTable({ ...options, definition, prefix: `${prefix}/${definition.name}` })]));
  }

  /** Names of the tables that have a snapshot, in the order of the definitions. */
  names(): ArchiveTableName[] {
    return [...this.#tables].flatMap(([name, table]) => (table.current() === undefined ? [] : [name]));
  }

  /** All tables, those without a snapshot too, in the order of the definitions. */
  all(): readonly (readonly [ArchiveTableName, ArchiveTable])[] {
    return [...this.#tables];
  }

  /** `undefined` for a name that no table has. */
  get(name: string): ArchiveTable | undefined {
    return this.#tables.get(name as ArchiveTableName);
  }

  /** Whether there are changes that no snapshot has. */
  get isBehind(): boolean {
    return this.#behind !== undefined;
  }

  /** Adds one snapshot to one table that is behind. May be called again after a throw, as `ArchiveTable.publish`. */
  async publish(): Promise<void> {
    await this.#behind?.publish();
  }

  get #behind(): ArchiveTable | undefined {
    return [...this.#tables.values()].find((table) => table.isBehind);
  }
}
