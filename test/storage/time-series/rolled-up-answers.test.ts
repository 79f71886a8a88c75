import { expect, test } from 'vitest';
import { TimeSeriesStore } from '../../../storage/index.ts';
import { SKETCH_ERROR } from '../../../storage/model/quantile-sketch.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

/*
 * Whatever is rolled up, pruned, compacted and written in between, what whole buckets come to stays what it was when all values were there:
 * compared with a list of every value that was ever taken.
 */
const START = Date.UTC(2024, 0, 15);
const MINUTE = 60_000;
const WIDTHS = [MINUTE, 5 * MINUTE, 60 * MINUTE];
const METRICS = ['count', 'sum', 'min', 'max', 'first', 'last', 'avg'] as const;
/** Kept with the roll-ups, and one that is not. */
const PERCENTILES = ['p50', 'p99'] as const;
const ASKED = ['p50', 'p90', 'p99'] as const;

interface Expected {
  readonly timestamp: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
  readonly avg: number;
}

/** By bucket, in order of time. */
function valuesOf(values: ReadonlyMap<number, number>, bucketMs: number): Map<number, number[]> {
  const buckets = new Map<number, number[]>();
  for (const [timestamp, value] of [...values].sort(([a], [b]) => a - b)) {
    const start = timestamp - (timestamp % bucketMs);
    const known = buckets.get(start);
    if (known === undefined) buckets.set(start, [value]);
    else known.push(value);
  }
  return buckets;
}

function expectedOf(values: ReadonlyMap<number, number>, bucketMs: number): Expected[] {
  return [...valuesOf(values, bucketMs)].map(([timestamp, all]) => {
    const sum = all.reduce((total, value) => total + value, 0);
    return { timestamp, count: all.length, sum, min: Math.min(...all), max: Math.max(...all), first: all[0]!, last: all.at(-1)!, avg: sum / all.length };
  });
}

test.each(Array.from({ length: 25 }, (_, seed) => seed))('seed %i', { timeout: 60_000 }, async (seed) => {
  const random = new SeededRandom(seed);
  const clock = new FixedClock(START);
  let sql = new NodeSql();
  const open = () => new TimeSeriesStore({ sql, clock, retention: { hot: '30m', warm: '90d' }, tieringPolicy: { warm: { resolution: '1m', aggregates: [...METRICS, ...PERCENTILES] } } });
  const all = new Map<number, number>();
  let prunedMs = START;
  for (let step = 0; step < 60; step++) {
    clock.advance(random.between(1, 10) * MINUTE + random.below(1000));
    const action = random.below(10);
    if (action < 6) {
      const entries = Array.from({ length: random.between(1, 200) }, () => ({
        key: 'k',
        // Whole eighths: sums are exact in any order.
        value: random.between(-800, 800) / 8,
        timestamp: Math.max(prunedMs, clock.nowMs() - random.below(20 * MINUTE)),
      }));
      await open().putBatch(entries);
      for (const { timestamp, value } of entries) all.set(timestamp, value);
    } else if (action === 6) {
      await open().prune();
      prunedMs = clock.nowMs();
    } else if (action === 7) await open().rollup({ olderThan: '25m', bucket: random.pick(WIDTHS), aggregates: [...METRICS, ...PERCENTILES] });
    else if (action === 8) sql = new NodeSql(sql.database);
    else {
      const store = open();
      await store.restoreSnapshot(store.createSnapshot());
    }
    const bucketMs = random.pick(WIDTHS);
    const answers = await open().aggregate('k', { bucket: bucketMs, metrics: METRICS });
    expect(answers.map(({ source: _, ...rest }) => rest)).toEqual(expectedOf(all, bucketMs));
    const buckets = valuesOf(all, bucketMs);
    const wrong: string[] = [];
    for (const { timestamp, source, ...percentiles } of await open().aggregate('k', { bucket: bucketMs, metrics: ASKED })) {
      const values = Float64Array.from(buckets.get(timestamp)!).sort();
      for (const name of ASKED) {
        const rank = (Number(name.slice(1)) / 100) * (values.length - 1);
        const [lower, upper] = [values[Math.floor(rank)]!, values[Math.ceil(rank)]!];
        const exact = lower + (upper - lower) * (rank - Math.floor(rank));
        const error = source === 'raw' ? 0 : SKETCH_ERROR * Math.max(Math.abs(lower), Math.abs(upper));
        if (!(Math.abs(percentiles[name] - exact) <= error + 1e-9)) wrong.push(`${name} of ${timestamp}, ${source}: ${percentiles[name]}, exactly ${exact}`);
      }
    }
    expect(wrong).toEqual([]);
  }
});
