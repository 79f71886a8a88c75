import { describe, expect, test } from 'vitest';
import { CATALOG_RPC_VERSION, type MetadataRequest } from '../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import { MetadataStore } from '../../../storage/catalog/metadata-store.ts';
import type { MetadataEntry } from '../../../storage/model/metadata.ts';
import { FaultySql } from '../../fakes/faulty-sql.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

const DAY_MS = 86_400_000;

function database(): NodeSql {
  const sql = new NodeSql();
  migrateCatalog(sql);
  return sql;
}

function entry(metric: string, help = `Help of ${metric}.`): MetadataEntry {
  return { metric, type: 'counter', help, unit: '' };
}

function read(store: MetadataStore, wanted: Partial<MetadataRequest> = {}): string[] {
  const request = { version: CATALOG_RPC_VERSION, metric: undefined, after: '', metricsMax: Infinity, perMetricMax: Infinity };
  return store.read({ ...request, ...wanted }).entries.map(({ metric, help }) => `${metric}: ${help}`);
}

test('what was noted is found by name, also by the next instance', () => {
  const sql = database();
  const all: MetadataEntry[] = [
    { metric: 'b_seconds', type: 'histogram', help: 'How "long"\nit took.', unit: 'seconds' },
    { metric: 'a', type: 'unknown', help: '', unit: '' },
    { metric: 'é', type: 'gauge', help: 'x', unit: 'y' },
  ];
  new MetadataStore(sql, limitsWith({})).note(all, 1);
  const answer = new MetadataStore(sql, limitsWith({})).read({ version: CATALOG_RPC_VERSION, metric: undefined, after: '', metricsMax: 9, perMetricMax: 9 });
  expect(answer).toEqual({ version: CATALOG_RPC_VERSION, entries: [all[1], all[0], all[2]], more: false });
});

test('the same again writes nothing until it is old, and then once', () => {
  const sql = database();
  const store = new MetadataStore(sql, limitsWith({}));
  store.note([entry('a'), entry('b')], 1000);
  const after = sql.rowsWritten();
  store.note([entry('a'), entry('b'), entry('a')], 1000 + DAY_MS - 1);
  expect(sql.rowsWritten()).toBe(after);
  store.note([entry('a')], 1000 + DAY_MS);
  store.note([entry('a')], 1001 + DAY_MS);
  expect(sql.rowsWritten()).toBe(after + 1);
});

describe('a metric with several entries', () => {
  test('shows the newest first, and as many as are asked for', () => {
    const store = new MetadataStore(database(), limitsWith({}));
    ['one', 'two', 'three'].forEach((help, i) => store.note([entry('m', help), entry('other')], i));
    expect(read(store)).toEqual(['m: three', 'm: two', 'm: one', 'other: Help of other.']);
    expect(read(store, { perMetricMax: 1 })).toEqual(['m: three', 'other: Help of other.']);
    expect(read(store, { metric: 'm', perMetricMax: 2 })).toEqual(['m: three', 'm: two']);
    expect(read(store, { metric: 'mm' })).toEqual([]);
  });

  test('over metadataPerMetricMax the one noted longest ago makes room', () => {
    const store = new MetadataStore(database(), limitsWith({ metadataPerMetricMax: 2, metadataRenewMs: 10 }));
    store.note([entry('m', 'one')], 0);
    store.note([entry('m', 'two')], 1);
    store.note([entry('m', 'one')], 20);
    expect(store.note([entry('m', 'three')], 21).replaced).toBe(1);
    expect(read(store)).toEqual(['m: three', 'm: one']);
  });
});

test('over metadataEntriesMax those noted longest ago make room, also when the next instance counts', () => {
  const sql = database();
  const limits = limitsWith({ metadataEntriesMax: 128 });
  const names = Array.from({ length: 128 }, (_, i) => `m${String(i).padStart(3, '0')}`);
  names.forEach((name, i) => new MetadataStore(sql, limits).note([entry(name)], i));
  expect(read(new MetadataStore(sql, limits))).toHaveLength(128);
  // One too many, and a sixty-fourth more, so that the next ones come cheap.
  expect(new MetadataStore(sql, limits).note([entry('new')], 1000).replaced).toBe(3);
  expect(read(new MetadataStore(sql, limits))).toEqual([...names.slice(3), 'new'].map((name) => `${name}: Help of ${name}.`));
});

test('pages hold whole metrics and lead to everything', () => {
  const store = new MetadataStore(database(), limitsWith({ metadataPageCharactersTarget: 50 }));
  const wanted: string[] = [];
  for (let i = 0; i < 20; i++) {
    for (const help of ['first text', 'second text']) {
      store.note([entry(`m${String(i).padStart(2, '0')}`, help)], help === 'second text' ? 1 : 0);
    }
    wanted.push(`m${String(i).padStart(2, '0')}: second text`, `m${String(i).padStart(2, '0')}: first text`);
  }
  const got: string[] = [];
  let pages = 0;
  for (let after = '', more = true; more; pages++) {
    const answer = store.read({ version: CATALOG_RPC_VERSION, metric: undefined, after, metricsMax: Infinity, perMetricMax: Infinity });
    got.push(...answer.entries.map(({ metric, help }) => `${metric}: ${help}`));
    after = answer.entries.at(-1)!.metric;
    more = answer.more;
  }
  expect(got).toEqual(wanted);
  expect(pages).toBeGreaterThan(5);
  expect(store.read({ version: CATALOG_RPC_VERSION, metric: undefined, after: '', metricsMax: 1, perMetricMax: Infinity })).toMatchObject({ more: true, entries: { length: 2 } });
});

test('a storage fault anywhere leaves all of a note or nothing, and noting again completes it', () => {
  const limits = limitsWith({ metadataPerMetricMax: 2, metadataEntriesMax: 4 });
  const before = ['a: 1', 'a: 2', 'b: 3'];
  const prepare = (): NodeSql => {
    const sql = database();
    const store = new MetadataStore(sql, limits);
    store.note([entry('a', '2')], 1);
    store.note([entry('a', '1')], 2);
    store.note([entry('b', '3')], 3);
    return sql;
  };
  const added = [entry('a', '4'), entry('c', '5'), entry('d', '6')];
  const counting = new FaultySql(prepare());
  new MetadataStore(counting, limits).note(added, 10);
  const finished = read(new MetadataStore(counting, limits));
  for (const when of ['before', 'after'] as const) {
    for (let call = 0; call < counting.calls; call++) {
      const sql = prepare();
      try {
        new MetadataStore(new FaultySql(sql, { call, when }), limits).note(added, 10);
      } catch {
        // The outcome is unknown to the caller.
      }
      expect([before, finished], `call ${call}, ${when}`).toContainEqual(read(new MetadataStore(sql, limits)));
      new MetadataStore(sql, limits).note(added, 10);
      expect(read(new MetadataStore(sql, limits))).toEqual(finished);
    }
  }
});
