import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import { POINTS_TABLE } from '../../catalog/iceberg/points-table.ts';
import { RemovedObjectsStore } from '../../catalog/removed-objects.ts';
import { EXEMPLARS_MERGE_CODEC } from '../rewrite/exemplars-merge-codec.ts';
import { FileMerger, type FileMergerOptions } from '../rewrite/file-merger.ts';
import { POINTS_MERGE_CODEC, SAMPLES_MERGE_CODEC } from '../rewrite/merge-codec.ts';
import { SeriesExpiry, type SeriesExpiryOptions } from '../rewrite/series-expiry.ts';
import { TombstoneExecutor, type TombstoneExecutorOptions } from '../rewrite/tombstone-executor.ts';
import { ArchiveRetention, type ArchiveRetentionOptions } from './archive-retention.ts';
import { ArchiveUpkeep, type UpkeepPorts, type UpkeepTask } from './archive-upkeep.ts';
import { OrphanSweep, type OpenPlan } from './orphan-sweep.ts';
import { RemovedFiles } from './removed-files.ts';
import { ShardCalls, type FlushStatusOf } from './shard-calls.ts';
import { SnapshotExpiry } from './snapshot-expiry.ts';

export interface UpkeepOptions extends Omit<FileMergerOptions, 'codecs'>, UpkeepPorts, Pick<TombstoneExecutorOptions, 'tombstones' | 'look'> {
  readonly tables: ArchiveTables;
  readonly retentionOf: SeriesExpiryOptions['retentionOf'];
  /** Of tables that the archive does not know how to write. */
  readonly moreCodecs?: SeriesExpiryOptions['codecs'];
  /** `undefined` where shards cannot be asked. */
  readonly flushStatusOf?: FlushStatusOf | undefined;
}

const CODECS = { samples: SAMPLES_MERGE_CODEC, exemplars: EXEMPLARS_MERGE_CODEC };

/** `more` are tasks that know of the archive, and it not of them. */
export function openUpkeep(options: UpkeepOptions, more: readonly UpkeepTask[] = []): ArchiveUpkeep {
  const executor = new TombstoneExecutor(options);
  const expiry = new SeriesExpiry({ ...options, codecs: { ...CODECS, ...options.moreCodecs } });
  const { flushStatusOf } = options;
  const calls = flushStatusOf === undefined ? [] : [new ShardCalls({ ...options, flushStatusOf })];
  return new ArchiveUpkeep([executor, expiry, ...calls, ...withCleaning(options, [new FileMerger({ ...options, codecs: CODECS }), ...more])], options, executor);
}

export type PointsUpkeepOptions = Omit<UpkeepOptions, 'tombstones' | 'look' | 'moreCodecs' | 'flushStatusOf'>;

/** All that a TimeSeriesStore does to its archive, which has points alone. */
export function openPointsUpkeep(options: PointsUpkeepOptions): ArchiveUpkeep {
  const own = { ...options, definitions: [POINTS_TABLE] };
  return new ArchiveUpkeep(withCleaning(own, [new FileMerger({ ...own, codecs: { points: POINTS_MERGE_CODEC } })]), options);
}

type CleaningOptions = Omit<PointsUpkeepOptions, 'seriesHashKey'> & Pick<ArchiveRetentionOptions, 'definitions'>;

/** What makes files, and behind it what lets them go. */
function withCleaning(options: CleaningOptions, working: readonly UpkeepTask[]): UpkeepTask[] {
  const { tables, clock } = options;
  const removed = new RemovedObjectsStore(options.sql);
  const openPlans = (): OpenPlan[] => working.flatMap((task) => task.openPlan?.() ?? []);
  const cleaning = [new ArchiveRetention(options), new SnapshotExpiry(tables, clock), new RemovedFiles({ ...options, removed, openPlans }), new OrphanSweep({ ...options, removed, openPlans })];
  return [...working, ...cleaning];
}
