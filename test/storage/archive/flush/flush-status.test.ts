import { expect, test } from 'vitest';
import { labelsFrom } from '../../../../storage/model/labels.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import { write } from '../../shard/batches.ts';
import { FlushWorld, HOUR_MS, lineOf, seriesOf, START_MS, times } from './flush-world.ts';

const { archiveGraceMs } = LIMITS;
const DUE_MS = START_MS + HOUR_MS + archiveGraceMs;

/** Two hours of four series, the first of them two files; the clock stands where its flush is due. */
function world(): FlushWorld {
  const made = new FlushWorld({ archiveRowGroupRowsMax: 100, archiveFileRowsMax: 200 });
  made.write(seriesOf(4), times(START_MS, 120), (series, timeMs) => series + timeMs);
  made.clock.advance(DUE_MS - START_MS);
  return made;
}

const hour = (from: number) => ({ kind: 'window', startMs: START_MS + from * HOUR_MS, endMs: START_MS + (from + 1) * HOUR_MS });

test('a shard that has nothing', () => {
  expect(new FlushWorld().flusher.status()).toEqual({ archivedUntilMs: -Infinity, closedUntilMs: -Infinity, lagSeconds: 0, overdueSeconds: 0, begun: undefined, next: undefined, failure: undefined });
});

test('a window from planned to archived', async () => {
  const { flusher, clock } = world();
  expect(flusher.status()).toMatchObject({ archivedUntilMs: -Infinity, lagSeconds: (DUE_MS - START_MS) / 1000, overdueSeconds: 0, begun: undefined, next: { task: hour(0), dueMs: DUE_MS } });
  await flusher.step();
  expect(flusher.status()).toMatchObject({ closedUntilMs: START_MS + HOUR_MS, begun: { task: hour(0), fileCount: 0 }, next: { task: hour(1), dueMs: DUE_MS + HOUR_MS } });
  await flusher.step();
  expect(flusher.status().begun).toEqual({ task: hour(0), fileCount: 1, rowCount: 200, bytes: expect.any(Number) });
  await flusher.step();
  expect(flusher.status().begun).toMatchObject({ fileCount: 2, rowCount: 240 });
  // Of exemplars there are none.
  await flusher.step();
  expect(flusher.status().begun).toMatchObject({ fileCount: 2, rowCount: 240 });
  await flusher.step();
  expect(flusher.status()).toMatchObject({ archivedUntilMs: START_MS + HOUR_MS, lagSeconds: (clock.nowMs() - START_MS - HOUR_MS) / 1000, begun: undefined, next: { task: hour(1), dueMs: DUE_MS + HOUR_MS } });
  // Nobody comes to archive the second hour for ten minutes.
  clock.advance(DUE_MS + HOUR_MS + 600_000 - clock.nowMs());
  expect(flusher.lag).toEqual({ lagSeconds: (DUE_MS - START_MS + 600_000) / 1000, overdueSeconds: 600 });
});

test('late batches come next as soon as their time is archived', async () => {
  const one = world();
  one.writeLate(seriesOf(1, 'late'), times(START_MS - 5 * HOUR_MS, 3), () => 1);
  await one.settle();
  one.writeLate(seriesOf(2, 'late'), times(START_MS - 4 * HOUR_MS, 3), () => 2);
  expect(one.flusher.status().next).toEqual({ task: { kind: 'late', batchCount: 1 }, dueMs: -Infinity });
  await one.flusher.step();
  expect(one.flusher.status()).toMatchObject({ begun: { task: { kind: 'late', batchCount: 1 } }, next: { task: hour(1) } });
});

test('failures are counted with the last reason, until a step succeeds', async () => {
  const one = world();
  const store = new FaultyObjectStore(one.objects);
  store.isDown = true;
  one.store = store;
  one.wake();
  const { flusher } = one;
  await flusher.step();
  await flusher.step();
  expect(flusher.status().failure).toEqual({ count: 1, message: 'the object store does not answer', retryAtMs: one.clock.nowMs() + 5000 });
  one.clock.advance(5000);
  await flusher.step();
  expect(flusher.status().failure).toMatchObject({ count: 2 });
  store.isDown = false;
  one.clock.advance(60_000);
  await flusher.step();
  expect(flusher.status()).toMatchObject({ failure: undefined, begun: { fileCount: 1 } });
});

test.each([
  ['late_batch', 'batch', 'damaged storage: late_batch 1: late batch: '],
  ['segment', 'samples', 'damaged storage: segment 1: '],
  ['exemplar_row', 'exemplars', 'damaged storage: exemplar_row 0: '],
])('a damaged %s holds up the flush, which names it, and nothing is left out', async (table, blob, reason) => {
  const one = world();
  const labels = labelsFrom({ __name__: 'with_exemplar' });
  expect(write(one.hot, [{ labels, samples: [[START_MS, 1]], exemplars: [[START_MS, 1, labelsFrom({ trace_id: 'x' })]] }]).status).toBe('stored');
  one.acknowledged.add(lineOf(labels, START_MS, 1));
  one.writeLate(seriesOf(1, 'late'), times(START_MS - 5 * HOUR_MS, 3), () => 1);
  one.hot.seal();
  const whole = one.database.all(`SELECT ${blob} AS blob FROM ${table}`)[0]!['blob'] as ArrayBuffer;
  one.database.run(`UPDATE ${table} SET ${blob} = ?`, new Uint8Array(whole).slice().fill(7, 8));
  one.wake();
  for (let step = 0; step < 40 && one.flusher.status().failure === undefined; step++) await one.flusher.step();
  expect(one.flusher.status().failure).toMatchObject({ count: 1, message: expect.stringContaining(reason) });
  expect(one.hot.stats().gauges['damaged_rows']).toBe(1);
  const { flusher } = one;
  for (let tries = 2; tries < 6; tries++) {
    one.clock.advance(10 * 60_000);
    await flusher.step();
    expect(flusher.status().failure).toMatchObject({ count: tries });
  }
  one.database.run(`UPDATE ${table} SET ${blob} = ?`, whole);
  await one.settle();
  expect(one.hot.late.sampleCount).toBe(0);
  expect(await one.readAll()).toEqual([...one.acknowledged].sort());
});
