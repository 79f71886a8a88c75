import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/*
 * Whatever a caller hands over is stored exactly or refused with an error that says what and why; and what is beside it is neither lost nor
 * changed. (Values: see time-series-store.test.ts, "numbers come back exactly".)
 */
const NOON = Date.UTC(2024, 0, 15, 12);
let sql: NodeSql;

beforeEach(() => {
  sql = new NodeSql();
});

function open(): TimeSeriesStore<unknown> {
  return new TimeSeriesStore<unknown>({ sql, clock: new FixedClock(NOON) });
}

/** As after an eviction, everything sealed. */
function reopened(): TimeSeriesStore<unknown> {
  open().createSnapshot();
  sql = new NodeSql(sql.database);
  return open();
}

describe('keys', () => {
  const KEYS: Readonly<Record<string, string>> = {
    accents: 'température',
    'accents that are characters of their own': 'tempe\u0301rature',
    'beyond the first plane': '𝒳🜁👩‍👩‍👧',
    'right to left': 'حرارة\u200f',
    'a NUL inside': 'a\u0000b',
    'control characters and a line break': '\u0001\n\t\u007f',
    'the byte order mark': '\ufeffk',
    'noncharacters': '\uffff\u{10ffff}',
    quotes: `"'\\{}[]`,
    'like a label of ours': '__name__',
    'a property of objects': '__proto__',
    blanks: '  ',
    'as long as may be': 'ü'.repeat(LIMITS.labelValueBytesMax / 2),
  };

  test('any Unicode is a key of its own, stored exactly', async () => {
    const entries = Object.values(KEYS);
    await open().putBatch(entries.flatMap((key, i) => [{ key, value: i, timestamp: NOON }, { key, value: { i }, timestamp: NOON + 1 }]));
    const store = reopened();
    expect(store.keys()).toEqual([...entries].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    for (const [i, key] of entries.entries()) {
      expect(await store.getAsOf(key, NOON), JSON.stringify(key)).toBe(i);
      expect(await store.get(key), JSON.stringify(key)).toEqual({ i });
    }
  });

  test.each<[string, unknown, string]>([
    ['empty', '', 'a key is a text that is not empty, got ""'],
    ['no text', 7, 'a key is a text that is not empty, got 7'],
    ['half of a surrogate pair', 'a\ud800', 'not well-formed Unicode'],
    ['of one megabyte', 'x'.repeat(1_000_000), 'a key of 1000000 bytes, the limit labelValueBytesMax is 2048'],
    ['a byte too long', `${'ü'.repeat(LIMITS.labelValueBytesMax / 2)}x`, 'a key of 2049 bytes'],
  ])('%s', async (_, key, message) => {
    const store = open();
    await store.put('beside', 1, NOON);
    await expect(store.put(key as string, 1, NOON)).rejects.toThrow(message);
    // A batch is all or nothing, so nothing of it is lost without a word.
    await expect(store.putBatch([{ key: 'beside', value: 2, timestamp: NOON + 1 }, { key: key as string, value: 1, timestamp: NOON }])).rejects.toThrow(message);
    expect(await reopened().get('beside')).toBe(1);
    expect(reopened().keys()).toEqual(['beside']);
  });
});

describe('timestamps', () => {
  const STORED: readonly number[] = [0, -1, NOON / 1000, Date.UTC(1900, 0, 1), -(2 ** 50 - 1), 2 ** 50 - 1, Date.UTC(9999, 11, 31)];

  test('seconds, negative and far-future ones are times like others, stored exactly', async () => {
    await open().putBatch(STORED.map((timestamp, i) => ({ key: 'k', value: i, timestamp })));
    const found: [number, unknown][] = [];
    for await (const { timestamp, value } of reopened().range('k')) found.push([timestamp, value]);
    expect(found).toEqual(STORED.map((timestamp, i): [number, unknown] => [timestamp, i]).sort(([a], [b]) => a - b));
  });

  test.each<[string, unknown, string]>([
    ['NaN', NaN, 'want Unix milliseconds'],
    ['infinite', Infinity, 'want Unix milliseconds'],
    ['a fraction, as seconds have it', NOON / 1000 + 0.25, 'a time in seconds has to be multiplied by 1000'],
    ['nanoseconds', NOON * 1e6, 'is it in micro- or nanoseconds?'],
    ['a date that is none', new Date(NaN), 'want Unix milliseconds, a valid Date or ISO 8601 text'],
    ['a text that is none', 'yesterday', '"yesterday"'],
    ['a day that does not exist', '2024-02-30', '"2024-02-30"'],
    ['null', null, 'want Unix milliseconds'],
  ])('%s', async (_, timestamp, message) => {
    const store = open();
    await store.put('k', 1, NOON);
    await expect(store.put('k', 2, timestamp as number)).rejects.toThrow(message);
    await expect(store.putBatch([{ key: 'k', value: 3, timestamp: NOON + 1 }, { key: 'k', value: 2, timestamp: timestamp as number }])).rejects.toThrow(message);
    expect(await reopened().get('k')).toBe(1);
  });
});

describe('values', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a document that holds itself', (() => { const loop: Record<string, unknown> = {}; return (loop['self'] = loop); })()],
    ['a document too large for a row', 'x'.repeat(2_000_000)],
  ])('%s is refused', async (_, value) => {
    const store = open();
    await store.put('k', 1, NOON);
    await expect(store.put('k', value, NOON + 1)).rejects.toThrow();
    await expect(store.putBatch([{ key: 'k', value: 2, timestamp: NOON + 2 }, { key: 'k', value, timestamp: NOON + 1 }])).rejects.toThrow();
    expect(await reopened().get('k')).toBe(1);
  });
});

/** As plain JavaScript calls it, where no compiler looks on. */
type Untyped = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;

describe('what is no argument of a method', () => {
  test.each<[string, unknown[], string]>([
    ['putBatch', [], 'putBatch got undefined; want a list of { key, value, timestamp }'],
    ['putBatch', [{ key: 'k', value: 1 }], 'putBatch got an object; want a list'],
    ['putBatch', ['ab'], 'putBatch got "ab"; want a list'],
    ['putBatch', [new Map([['k', 1]])], 'an entry of putBatch is an array; want an object with key, value, timestamp'],
    ['putBatch', [[null]], 'an entry of putBatch is null'],
    ['putBatch', [[{ key: 'k', value: 1, time: NOON }]], 'an entry of putBatch has "time"; there are key, value, timestamp'],
    ['putBatch', [[{ key: 'k', value: 1, labels: { host: 'a' } }]], 'an entry of putBatch has "labels"'],
    ['range', ['k', null], 'the range is null; want an object with start, end'],
    ['range', ['k', '1h'], 'the range is "1h"'],
    ['range', ['k', { from: NOON }], 'the range has "from"; there are start, end'],
    ['aggregate', ['k'], 'what aggregate is asked for is undefined; want an object with start, end, bucket, metrics'],
    ['aggregate', ['k', { bucket: '1d', aggregates: ['avg'] }], 'what aggregate is asked for has "aggregates"'],
    ['aggregate', ['k', { bucket: '1d' }], 'metrics is undefined; want a list with some of min, max'],
    ['aggregate', ['k', { bucket: '1d', metrics: 'avg' }], 'metrics is "avg"; want a list'],
    ['prune', [null], 'what is to be pruned is null'],
    ['prune', ['1h'], 'what is to be pruned is "1h"; want an object with olderThan, before'],
    ['prune', [new Date(NOON)], 'what is to be pruned is a Date'],
    ['prune', [{ older: '30d' }], 'what is to be pruned has "older"; there are olderThan, before'],
    ['prune', [{ olderThan: '1h', before: NOON }], 'prune got olderThan and before; want one of them'],
    ['compact', [10], 'what compact is told is 10; want an object with maxVersionsPerKey'],
    ['compact', [{ maxVersions: 10 }], 'what compact is told has "maxVersions"'],
    ['compact', [{ maxVersionsPerKey: '10' }], 'maxVersionsPerKey is "10"; want a whole number from 1'],
    ['rollup', [], 'what is to be rolled up is undefined; want an object with olderThan, bucket, aggregates'],
    ['rollup', [{ olderThan: '1h', bucket: '1m', metrics: ['avg'] }], 'what is to be rolled up has "metrics"'],
    ['cdc', [null], 'what is asked of the change feed is null'],
    ['cdc', [{ since: '5' }], 'what is asked of the change feed has "since"; there are cursor, live, signal, perSample'],
  ])('%s(…%j)', async (method, given, message) => {
    const store = open();
    await store.putBatch([1, 2, 3].map((value, i) => ({ key: 'k', value, timestamp: NOON + i })));
    const call = async (): Promise<unknown> => (store as unknown as Untyped)[method]!(...given);
    await expect(call()).rejects.toMatchObject({ name: 'VarveError', kind: 'bad-data', message: expect.stringContaining(message) });
    expect(await reopened().getAsOf('k', NOON)).toBe(1);
    expect(await reopened().get('k')).toBe(3);
  });

  test.each([[], [undefined], [null], ['db'], [{}], [{ retentionMs: 5 }], [{ prepare: () => 1, batch: () => 1 }, {}], [{ storage: {} }], [{ storage: null }, {}]])('no database: %j', (...given) => {
    const Untyped = TimeSeriesStore as unknown as new (...given: unknown[]) => unknown;
    expect(() => new Untyped(...given)).toThrow(`a TimeSeriesStore needs a database: pass a Durable Object's ctx.storage as the first argument, or as the option \`storage\``);
  });
});
