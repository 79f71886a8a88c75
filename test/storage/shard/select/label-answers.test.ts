import { expect, test } from 'vitest';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { stringsOf } from '../../../../storage/shard/select/label-answers.ts';
import { LABELS_RPC_VERSION, SHARD_RPC_VERSION } from '../../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { named, write } from '../batches.ts';

const EVERYTHING = { version: LABELS_RPC_VERSION, selectors: [], startMs: -Infinity, endMs: Infinity, limit: 0 };

function names(store: HotStore, request = EVERYTHING): readonly string[] {
  const answer = store.labelNames(request);
  if (answer.status === 'refused') throw new Error(answer.message);
  return stringsOf(answer);
}

function values(store: HotStore, name: string, request = EVERYTHING): readonly string[] {
  const answer = store.labelValues(name, request);
  if (answer.status === 'refused') throw new Error(answer.message);
  return stringsOf(answer);
}

test('what is kept ready is never older than the series', () => {
  const store = new HotStore(new NodeSql());
  const add = (metric: string, labels: Record<string, string>, timeMs = 1000): void => void write(store, [{ labels: named(metric, labels), samples: [[timeMs, 1]] }]);
  for (let round = 0; round < 2; round++) {
    expect(names(store)).toEqual([]);
    expect(values(store, 'a')).toEqual([]);
  }
  add('m', { a: '2' });
  expect(names(store)).toEqual(['__name__', 'a']);
  expect(values(store, 'a')).toEqual(['2']);
  add('m', { a: '10', b: 'x' });
  expect(names(store)).toEqual(['__name__', 'a', 'b']);
  expect(values(store, 'a')).toEqual(['10', '2']);
  add('m', { a: '\u{1f600}' });
  add('m', { a: '\ue000' });
  expect(values(store, 'a')).toEqual(['10', '2', '\ue000', '\u{1f600}']);
  // The empty name is no label's, and stands for nothing else.
  expect(values(store, '')).toEqual([]);
  // Old requests get the answers of old.
  expect(store.labelNames({ ...EVERYTHING, version: SHARD_RPC_VERSION })).toEqual({ status: 'values', values: ['__name__', 'a', 'b'], truncated: false });
  expect(store.labelNames({ ...EVERYTHING, limit: 2 })).toMatchObject({ truncated: true });
  expect(names(store, { ...EVERYTHING, limit: 2 })).toEqual(['__name__', 'a']);
});

test('series that are gone take their names and values along', () => {
  const store = new HotStore(new NodeSql());
  write(store, [{ labels: named('old', { only: 'there' }), samples: [[1000, 1]] }]);
  store.seal();
  write(store, [{ labels: named('new', { a: 'b' }), samples: [[9000, 1]] }]);
  expect(names(store)).toEqual(['__name__', 'a', 'only']);
  expect(names(store, { ...EVERYTHING, startMs: 5000 })).toEqual(['__name__', 'a']);
  expect(values(store, '__name__', { ...EVERYTHING, startMs: 5000 })).toEqual(['new']);
  store.prune(5000);
  for (let i = 0; i < 10; i++) store.maintain();
  expect(names(store)).toEqual(['__name__', 'a']);
  expect(values(store, '__name__')).toEqual(['new']);
});

test('more than an answer may carry is refused, and says so', () => {
  const store = new HotStore(new NodeSql(), limitsWith({ labelStringsBytesMax: 50 }));
  write(store, Array.from({ length: 10 }, (_, i) => ({ labels: named(`a_rather_long_name_${i}`), samples: [[1, 1]] as const })));
  expect(store.labelValues('__name__', EVERYTHING)).toEqual({ status: 'refused', message: expect.stringMatching(/^the answer takes 231 bytes, the limit labelStringsBytesMax is 50: /) });
  expect(values(store, '__name__', { ...EVERYTHING, limit: 2 })).toHaveLength(2);
});

test('names that no series has push out nothing that is kept ready, and are not kept themselves', () => {
  const store = new HotStore(new NodeSql(), limitsWith({ labelStringsCacheBytesMax: 1000 }));
  write(store, [{ labels: named('m', { a: 'b' }), samples: [[1, 1]] }]);
  const bytes = (): unknown => {
    const answer = store.labelValues('a', EVERYTHING);
    return answer.status === 'strings' ? answer.json : answer;
  };
  const first = bytes();
  for (let i = 0; i < 1000; i++) expect(values(store, `no_such_label_${i}`)).toEqual([]);
  expect(bytes()).toBe(first);
});
