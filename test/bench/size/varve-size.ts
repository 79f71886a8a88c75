import type { LocalSeries } from '../../../storage/shard/append/local-batch.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { labelsOf, sampleCountOf, type CapturedSeries } from './capture.ts';
import { scrapesOf } from './replay.ts';

/** Bytes of what one server keeps. */
export interface StoredSize {
  readonly sampleCount: number;
  /** Samples alone: what would grow with more of them. */
  readonly dataBytes: number;
  /** With everything by which they are found. */
  readonly totalBytes: number;
}

/** Upkeep ends by itself; this is for the day when it does not. */
const STEPS_MAX = 100_000;

/**
 * A shard's engine over SQLite, as the Worker's: fed scrape by scrape, its last log sealed, and everything merged that it would merge. The
 * data are the segment rows whole, the total is the database, without the slots of its WAL, which are void by then and of a bounded number.
 */
export function sizeInVarve(series: readonly CapturedSeries[], nowMs: number): StoredSize {
  const sql = new NodeSql();
  const clock = new FixedClock(nowMs);
  const store = new HotStore(sql, undefined, { clock });
  const labels = series.map((one) => labelsOf(one));
  for (const scrape of scrapesOf(series)) {
    const batch = scrape.map(({ series: index, start, end }): LocalSeries => {
      const { timestampsMs, values } = series[index]!;
      return { labels: labels[index]!, timestampsMs: timestampsMs.subarray(start, end), values: values.subarray(start, end) };
    });
    const { samplesRefused, refusal } = store.appendLocal(batch);
    if (samplesRefused > 0) throw new Error(`varve refused ${samplesRefused} samples: ${refusal}`);
  }
  store.seal();
  for (let step = 0; (store.nextDueMs() ?? Infinity) <= nowMs; step++) {
    if (step === STEPS_MAX) throw new Error(`maintenance does not come to an end in ${STEPS_MAX} steps`);
    store.maintain();
  }
  const [rows] = sql.all<{ samples: number; bytes: number }>('SELECT sum(sample_count) AS samples, sum(length(samples)) AS bytes FROM segment');
  sql.run('DELETE FROM wal');
  sql.run('VACUUM');
  const size = { sampleCount: rows!.samples, dataBytes: rows!.bytes, totalBytes: sql.sizeBytes() };
  if (size.sampleCount !== sampleCountOf(series)) throw new Error(`varve has ${size.sampleCount} samples, not ${sampleCountOf(series)}`);
  return size;
}
