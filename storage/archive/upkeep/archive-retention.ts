import type { UpkeepWork } from '../../catalog/archive-api.ts';
import type { ArchiveFiles } from '../../catalog/archive-files.ts';
import { partitionEndDay, type TableDefinition } from '../../catalog/iceberg/table-definition.ts';
import { TABLE_DEFINITIONS } from '../../catalog/iceberg/table-definitions.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { randomId, type Random } from '../../runtime/random.ts';
import { DAY_MS } from '../../runtime/units.ts';
import type { RetentionOf } from '../series-retention.ts';

export interface ArchiveRetentionOptions {
  readonly files: ArchiveFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<typeof LIMITS, 'archiveRetentionFilesMax'>;
  readonly retentionOf: RetentionOf;
  /** Those of a tenant, unless given. */
  readonly definitions?: readonly TableDefinition[];
}

/**
 * Lets partitions leave the archive when their end is longer ago than the retention, the longest where series have several, whole: one transaction of the catalog for some of their
 * files. Queries do not see those from then on; their objects are removed later, as of all files that leave (removed-files.ts).
 */
export class ArchiveRetention {
  readonly name = 'expire partitions';
  readonly counters = { archive_expired_files_total: 0 };
  readonly #options: ArchiveRetentionOptions;
  readonly #definitions: readonly TableDefinition[];

  constructor(options: ArchiveRetentionOptions) {
    this.#options = options;
    this.#definitions = options.definitions ?? TABLE_DEFINITIONS;
  }

  nextDueMs(): number | undefined {
    const due = this.#definitions.flatMap((definition) => this.#dueMs(definition)?.dueMs ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  next(): UpkeepWork | undefined {
    const soonestMs = this.nextDueMs();
    for (const definition of this.#definitions) {
      const due = this.#dueMs(definition);
      if (due !== undefined && due.dueMs === soonestMs) return { table: definition.name, day: due.day };
    }
    return undefined;
  }

  async step(): Promise<void> {
    const { files, clock, random, limits } = this.#options;
    for (const definition of this.#definitions) {
      const { name: table } = definition;
      const oldest = this.#dueMs(definition);
      if (oldest === undefined || oldest.dueMs > clock.nowMs()) continue;
      const remove = files.filesOfDay(table, oldest.day, limits.archiveRetentionFilesMax);
      if (files.replace({ id: randomId(random), table, remove, add: [], nowMs: clock.nowMs() }) === 'done') this.counters.archive_expired_files_total += remove.length;
      // A crash before this leaves it to the next partition that leaves.
      if (files.oldestDay(table) !== oldest.day) files.forgetPartitions(table, partitionEndDay(definition, oldest.day));
      return;
    }
  }

  #dueMs(definition: TableDefinition): { readonly day: number; readonly dueMs: number } | undefined {
    const { name } = definition;
    const retentionMs = this.#options.retentionOf(name)?.longestMs;
    const day = retentionMs === undefined ? undefined : this.#options.files.oldestDay(name);
    return day === undefined ? undefined : { day, dueMs: partitionEndDay(definition, day) * DAY_MS + retentionMs! };
  }
}
