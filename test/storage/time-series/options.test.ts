import { describe, expect, test } from 'vitest';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { DURATION_MS_MAX } from '../../../storage/time-series/duration.ts';
import { readSettings, type TimeSeriesStoreOptions } from '../../../storage/time-series/options.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('one policy in all of its spellings', () => {
  const f = (options: TimeSeriesStoreOptions): void => {
    const { hotMs, warmMs, kept, rollupBucketMs } = readSettings(options);
    expect({ hotMs, warmMs, kept, rollupBucketMs }).toEqual({ hotMs: 7 * DAY, warmMs: 30 * DAY, kept: { rawMs: 365 * DAY, rolledUpMs: 30 * DAY }, rollupBucketMs: 60_000 });
  };
  f({ retention: { hot: '7d', warm: '30d', cold: '1y' } });
  f({ retention: { hot: 7 * DAY, warm: '720h', cold: '365d' } });
  f({ retentionMs: 7 * 24 * 60 * 60 * 1000, retention: { warm: '30d', cold: '365d' } });
  f({ tieringPolicy: { hot: { retention: '7d', resolution: 'raw' }, warm: { retention: '30d', resolution: '1m' }, cold: { retention: '365d', resolution: 'raw', compression: 'delta+zstd' } } });
  f({ retention: { hot: '7d', warm: '30d' }, tieringPolicy: { warm: { resolution: '60s' }, cold: { retention: '365d' } } });
  f({ retention: { hot: '7d', warm: '30d', cold: '365d' }, retentionMs: 7 * DAY, tieringPolicy: { hot: { retention: '168h' } } });
});

describe('what is refused', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    ['7d', `the options of the store is "7d"; want an object with`],
    [{ retentionMS: 5 }, `the options of the store has "retentionMS"; there are storage, retention, retentionMs`],
    [{ retention: '7d' }, `the retention is "7d"; want an object with hot, warm, cold`],
    [{ retention: 604_800_000 }, 'the retention is 604800000; want an object'],
    [{ retention: null }, 'the retention is null'],
    [{ retention: { hott: '1h' } }, `the retention has "hott"; there are hot, warm, cold`],
    [{ retention: { hot: '90 days' } }, `the hot retention is "90 days"; want milliseconds or text such as '15s', '1h30m' or '7d'`],
    [{ retention: { hot: null } }, 'the hot retention is null'],
    [{ retention: { warm: '7D' } }, `the warm retention is "7D"`],
    [{ retention: { cold: '-1d' } }, `the cold retention is "-1d"`],
    [{ retentionMs: 0 }, 'the hot retention is 0; want a whole number of milliseconds from 1'],
    [{ retentionMs: 7n }, 'the hot retention is 7n'],
    [{ retentionMs: 5000, retention: { hot: '1h' } }, `the hot retention is "1h" in one option and 5000 in another`],
    [{ retentionMs: 5000, retention: { hot: Infinity } }, `the hot retention is Infinity in one option and 5000 in another`],
    [{ retention: { warm: '7d' }, tieringPolicy: { warm: { retention: '8d' } } }, `the warm retention is "7d" in one option and "8d" in another`],
    [{ tieringPolicy: 'x' }, `the tiering policy is "x"`],
    [{ tieringPolicy: { hot: '1h' } }, `the hot tier is "1h"; want an object with retention, resolution`],
    [{ tieringPolicy: { hot: { resolution: '1m' } } }, `the resolution of the hot tier is "1m"; it is always 'raw'`],
    [{ tieringPolicy: { cold: { resolution: '1m' } } }, `the resolution of the cold tier is "1m"; it is always 'raw'`],
    [{ tieringPolicy: { cold: { compression: 'gzip' } } }, `the compression of the cold tier is "gzip"; it is always 'delta+zstd'`],
    [{ tieringPolicy: { warm: { compression: 'delta+zstd' } } }, `the warm tier has "compression"; there are retention, resolution, aggregates`],
    [{ tieringPolicy: { warm: { resolution: 'raw' } } }, `the resolution of the warm tier is "raw"; want milliseconds`],
    [{ tieringPolicy: { warm: { aggregates: 'min' } } }, `aggregates of the warm tier is "min"; want a list`],
    [{ tieringPolicy: { warm: { aggregates: [] } } }, 'aggregates of the warm tier is empty'],
    [{ tieringPolicy: { warm: { aggregates: ['median'] } } }, `has "median"; want min, max`],
    [{ maxVersionsPerKey: '100' }, `maxVersionsPerKey is "100"; want a whole number from 1`],
    [{ table: '' }, `the table is ""`],
    [{ archive: null }, 'the bucket of the archive is null; want an R2 binding'],
    [{ archive: 'my-bucket' }, `the bucket of the archive is "my-bucket"`],
    [{ archive: { bucket: undefined, prefix: 'p' } }, 'the bucket of the archive is undefined'],
    [{ archive: { bucket: new MemoryObjectStore(), folder: 'p' } }, `the archive has "folder"; there are bucket, prefix, uri`],
  ];
  test.each(cases)('%#', (options, message) => {
    expect(() => readSettings(options as TimeSeriesStoreOptions)).toThrow(message);
  });
});

describe('at its edge', () => {
  const archive = new MemoryObjectStore();
  const under = (prefix: string): TimeSeriesStoreOptions => ({ archive: { bucket: archive, prefix } });
  const named = (length: number): TimeSeriesStoreOptions => ({ name: 'a'.repeat(length) });
  const kept = (retention: NonNullable<TimeSeriesStoreOptions['retention']>): TimeSeriesStoreOptions => ({ retention, archive });

  test.each<[string, TimeSeriesStoreOptions, TimeSeriesStoreOptions, string]>([
    ['a prefix', under('p'.repeat(512)), under('p'.repeat(513)), 'want up to 512 bytes'],
    ['a prefix beyond ASCII', under('é'.repeat(256)), under(`${'é'.repeat(256)}p`), 'want up to 512 bytes'],
    ['a name', named(40), named(41), 'want up to 40 lower-case letters'],
    ['a warm retention', kept({ hot: '2h', warm: '2h' }), kept({ hot: '2h', warm: 2 * HOUR - 1 }), 'is shorter than the hot one'],
    ['a cold retention', kept({ hot: '2h', cold: '2h' }), kept({ hot: '2h', cold: 2 * HOUR - 1 }), 'is shorter than the hot one'],
    ['a hot retention without end', { retention: { hot: Infinity } }, kept({ hot: Infinity }), 'with an archive it has an end'],
  ])('%s is taken, and beyond it refused', (_, taken, refused, message) => {
    readSettings(taken);
    expect(() => readSettings(refused)).toThrow(message);
  });

  test('what is kept for longer than there is time has no end', () => {
    expect(readSettings({ retentionMs: DURATION_MS_MAX }).hotMs).toBeUndefined();
    expect(readSettings({ retentionMs: DURATION_MS_MAX - 1 }).hotMs).toBe(DURATION_MS_MAX - 1);
  });

  test('windows are days from four days of the hot tier on', () => {
    expect(readSettings(kept({ hot: '4d' })).archive!.windowMs).toBe(DAY);
    expect(readSettings(kept({ hot: 4 * DAY - 1 })).archive!.windowMs).toBe(HOUR);
  });

  test('buckets are minutes, unless said otherwise', () => {
    expect(readSettings({}).rollupBucketMs).toBe(60_000);
  });
});

test('percentiles are rolled up where raw values may go before their roll-ups', () => {
  const f = (options: TimeSeriesStoreOptions, has: boolean): void => expect(readSettings(options).rollupAggregates.includes('p99')).toBe(has);
  const archive = new MemoryObjectStore();
  f({}, true);
  f({ retention: { hot: '1h', warm: '7d' } }, true);
  f({ retention: { hot: '1h', warm: '7d', cold: '365d' } }, true);
  f({ retention: { hot: '1h', warm: '365d', cold: '7d' }, archive }, true);
  f({ retention: { hot: '1h', warm: '7d', cold: '365d' }, archive }, false);
  f({ retention: { hot: '1h', warm: '7d', cold: '7d' }, archive }, false);
  f({ retention: { hot: '1h', warm: '7d' }, archive }, false);
  f({ tieringPolicy: { warm: { aggregates: ['min', 'max', 'avg', 'count', 'sum'] } } }, false);
});
