import { expect, test } from 'vitest';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { DamagedRowError } from '../../../storage/runtime/damage.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { SqlRow } from '../../../storage/runtime/sql.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { LateBatchWriter } from '../../../storage/shard/late/late-batch.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named, write } from './batches.ts';

const ALL = { version: SHARD_RPC_VERSION, selectors: [[{ name: '__name__', type: '=~', value: '.+' } as const]], startMs: -Infinity, endMs: Infinity };

/** A shard with a row of every kind: two segments of which a snapshot holds one, a log, exemplars, samples that wait for the archive. */
function everyKind(): NodeSql {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS);
  const series = (i: number) => named('m', { i: String(i) });
  write(store, [1, 2].map((i) => ({ labels: series(i), samples: [[1000, i], [2000, i * 2]], exemplars: [[1000, i, labelsFrom({ trace_id: 'x' })]] })));
  store.createSnapshot();
  write(store, [2, 3].map((i) => ({ labels: series(i), samples: [[3000, i], [4000, i * 3]] })));
  store.seal();
  write(store, [1, 3].map((i) => ({ labels: series(i), samples: [[5000, i]] })));
  write(store, [{ labels: series(4), samples: [[6000, 7]] }]);
  const late = new LateBatchWriter();
  late.add({ labels: series(1), timestampsMs: Float64Array.of(10, 20), valueBits: new Uint32Array(4), startsMs: new Float64Array(2) });
  store.late.append(late.finish());
  return sql;
}

/** Everything that a shard can be asked for. */
const QUESTIONS: Readonly<Record<string, (store: HotStore) => unknown>> = {
  select: (store) => store.select({ ...ALL, matchers: ALL.selectors[0]!, after: undefined, samplesMax: 1e6 }),
  labels: (store) => [store.labelNames({ ...ALL, limit: 0 }), store.series({ ...ALL, limit: 0 })],
  exemplars: (store) => store.selectExemplars(ALL),
  changes: (store) => store.changes({ ...ALL, cursor: 0, rowsMax: 100 }),
  late: (store) => {
    const all: unknown[] = [];
    for (const { sequence } of store.late.waiting(1e6, 10)) store.late.read(sequence, (series) => all.push(series));
    return all;
  },
  snapshots: (store) => store.listSnapshots(),
};

const KINDS: readonly (readonly [table: string, key: string, blob: string])[] = [
  ['wal', 'slot', 'samples'],
  ['series_block', 'first_ref', 'definitions'],
  ['segment', 'segment', 'samples'],
  ['segment_refs', 'segment', 'refs'],
  ['exemplar_row', 'slot', 'exemplars'],
  ['late_batch', 'sequence', 'batch'],
  ['snapshot', 'snapshot', 'segments'],
  ['shard_state', 'id', 'live_segments'],
];

function answersOf(sql: NodeSql): Record<string, unknown> {
  const store = new HotStore(new NodeSql(sql.database), LIMITS);
  return Object.fromEntries(Object.entries(QUESTIONS).map(([name, ask]) => [name, ask(store)]));
}

test.each(KINDS)('whatever bit of %s is flipped, answers are true, or say which row is damaged', (table, key, blob) => {
  const sql = everyKind();
  const truth = answersOf(sql);
  const rows = sql.all<SqlRow>(`SELECT ${key} AS key, ${blob} AS blob FROM ${table}`);
  expect(rows.length).toBeGreaterThan(0);
  for (const { key: row, blob: stored } of rows) {
    const whole = new Uint8Array(stored as ArrayBuffer);
    let noticed = 0;
    // Each codec has a test of every bit; here of every byte one, another one each time.
    for (let byte = 0; byte < whole.length; byte++) {
      const damaged = whole.slice();
      damaged[byte]! ^= 1 << ((byte * 3) & 7);
      sql.run(`UPDATE ${table} SET ${blob} = ? WHERE ${key} = ?`, damaged, row as number);
      let store: HotStore;
      try {
        store = new HotStore(new NodeSql(sql.database), LIMITS);
      } catch (error) {
        expect(error, `byte ${byte}`).toMatchObject({ name: 'DamagedRowError', table, row });
        noticed++;
        continue;
      }
      const before = store.damage.rowCount;
      for (const [name, ask] of Object.entries(QUESTIONS)) {
        try {
          expect(ask(store), `${name}, byte ${byte}`).toEqual(truth[name]);
        } catch (error) {
          if (!(error instanceof DamagedRowError)) throw error;
          expect(error, `${name}, byte ${byte}`).toMatchObject({ table, row });
        }
      }
      expect([before, store.damage.rowCount], `byte ${byte}`).toContain(1);
      noticed++;
    }
    expect(noticed).toBe(whole.length);
    sql.run(`UPDATE ${table} SET ${blob} = ? WHERE ${key} = ?`, whole, row as number);
  }
  expect(answersOf(sql)).toEqual(truth);
});

test('every table that has blobs is damaged above', () => {
  const sql = everyKind();
  const tables = sql.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => name);
  const blobs = tables.flatMap((table) => sql.all<{ name: string; type: string }>(`PRAGMA table_info(${table})`).filter(({ type }) => type === 'BLOB').map(({ name }) => `${table}.${name}`));
  // A shard's series are named by its tenant's key, and not by this one.
  const named = KINDS.map(([table, , blob]) => `${table}.${blob}`);
  expect(blobs.filter((blob) => !named.includes(blob))).toEqual(['shard_state.local_hash_key']);
});

test('damaged refs of a segment cost nothing: the segment itself has them', () => {
  const sql = everyKind();
  const truth = answersOf(sql);
  sql.run("UPDATE segment_refs SET refs = x'00'");
  expect(answersOf(sql)).toEqual(truth);
  const store = new HotStore(new NodeSql(sql.database), LIMITS);
  expect(store.stats().gauges['damaged_rows']).toBe(2);
  // A clean-up of series needs exact ones.
  expect(store.compact({ maxVersionsPerKey: 1 })).toBeGreaterThan(0);
  expect(new HotStore(new NodeSql(sql.database), LIMITS).damage.rowCount).toBe(1);
});
