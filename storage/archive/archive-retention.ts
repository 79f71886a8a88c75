import type { ArchiveFiles } from '../catalog/archive-files.ts';
import { partitionEndDay, type ArchiveTableName } from '../catalog/table-definition.ts';
import { TABLE_DEFINITIONS } from '../catalog/table-definitions.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { randomId, type Random } from '../runtime/random.ts';

export interface ArchiveRetentionOptions {
  readonly files: ArchiveFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<typeof LIMITS, 'archiveRetentionFilesMax'>;
  /** How long a table keeps its rows, milliseconds; `undefined` for ever. */
  readonly retentionMsOf: (table: ArchiveTableName) => number | undefined;
}

const DAY_MS = 86_400_000;

/**
 * Lets partitions leave the archive when their end is longer ago than the retention, whole: one transaction of the catalog for some of their
 * files. Queries do not see those from then on; their objects are removed later, as of all files that leave (removed-files.ts).
 */
export class ArchiveRetention {
  readonly counters = { archive_expired_files_total: 0 };
  readonly #options: ArchiveRetentionOptions;

  constructor(options: ArchiveRetentionOptions) {
    this.#options = options;
  }

  nextDueMs(): number | undefined {
    const due = TABLE_DEFINITIONS.flatMap(({ name }) => this.#dueMs(name)?.dueMs ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  async step(): Promise<void> {
    const { files, clock, random, limits } = this.#options;
    for (const { name: table } of TABLE_DEFINITIONS) {
      const oldest = this.#dueMs(table);
      if (oldest === undefined || oldest.dueMs > clock.nowMs()) continue;
      const remove = files.filesOfDay(table, oldest.day, limits.archiveRetentionFilesMax);
      if (files.replace({ id: randomId(random), table, remove, add: [], nowMs: clock.nowMs() }) === 'done') this.counters.archive_expired_files_total += remove.length;
      return;
    }
  }

  #dueMs(table: ArchiveTableName): { readonly day: number; readonly dueMs: number } | undefined {
    const retentionMs = this.#options.retentionMsOf(table);
    const definition = TABLE_DEFINITIONS.find(({ name }) => name === table)!;
    const day = retentionMs === undefined ? undefined : this.#options.files.oldestDay(table);
    return day === undefined ? undefined : { day, dueMs: partitionEndDay(definition, day) * DAY_MS + retentionMs! };
  }
}
