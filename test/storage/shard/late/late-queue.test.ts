import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../proto/decode-error.ts';
import { labelsFrom } from '../../../../storage/model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../../../storage/model/sample.ts';
import type { Sql } from '../../../../storage/runtime/sql.ts';
import { decodeLateBatch, LateBatchWriter, type LateSeries } from '../../../../storage/shard/late/late-batch.ts';
import { LateQueue } from '../../../../storage/shard/late/late-queue.ts';
import { migrate } from '../../../../storage/shard/shard-schema.ts';
import { FaultySql, InjectedFault } from '../../../fakes/faulty-sql.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { fuzzDecoder, fuzzRounds } from '../../../proto/fuzz-bytes.ts';
import { expectDamageNoticed } from '../every-bit.ts';

const LIMITS = limitsWith({});

function series(name: string, samples: readonly (readonly [timestampMs: number, value: number, startMs?: number])[]): LateSeries {
  return {
    labels: labelsFrom({ __name__: name, job: 'j' }),
    timestampsMs: Float64Array.from(samples, ([timestampMs]) => timestampMs),
    valueBits: new Uint32Array(Float64Array.from(samples, ([, value]) => value).buffer),
    startsMs: Float64Array.from(samples, ([, , startMs]) => startMs ?? 0),
  };
}

function message(...all: readonly LateSeries[]): ArrayBuffer {
  const writer = new LateBatchWriter();
  for (const one of all) writer.add(one);
  return writer.finish();
}

function contents(batch: ArrayBuffer): LateSeries[] {
  const all: LateSeries[] = [];
  decodeLateBatch(batch, (one) => all.push(one));
  return all;
}

function waiting(queue: LateQueue, sequence: number): LateSeries[] {
  const all: LateSeries[] = [];
  queue.read(sequence, (one) => all.push(one));
  return all;
}

function open(sql: Sql = new NodeSql(), limits = LIMITS): LateQueue {
  migrate(sql);
  return new LateQueue(sql, limits);
}

const A = series('a', [[1000, 1.5], [500, -0], [500, NaN], [-7, Infinity]]);
const B = series('b', [[2000, 1, 100], [3000, 2, 100], [4000, 3]]);

describe('the batch', () => {
  test('comes back as it was, out of order, twice the same time, stale markers and start timestamps too', () => {
    const stale = series('c', [[1, 0], [2, 0]]);
    stale.valueBits.set([STALE_BITS_LOW, STALE_BITS_HIGH], 2);
    const batch = message(A, B, stale);
    expect(contents(batch)).toEqual([A, B, stale]);
    expect(decodeLateBatch(batch, () => {})).toEqual({ seriesCount: 3, sampleCount: 9, oldestMs: -7, newestMs: 4000 });
  });

  test('a writer begins anew after each message', () => {
    const writer = new LateBatchWriter();
    writer.add(A);
    writer.finish();
    writer.add(B);
    expect(contents(writer.finish())).toEqual([B]);
    expect([writer.sampleCount, writer.plainBytes]).toEqual([0, 0]);
  });

  test('no bit may change unnoticed', () => {
    expectDamageNoticed(new Uint8Array(message(A, B)), (damaged) => {
      try {
        contents(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        throw error;
      }
    });
  });

  test('any bytes are refused or read', { timeout: 600_000 }, () => {
    const refused = fuzzDecoder([new Uint8Array(message(A)), new Uint8Array(message(A, B))], fuzzRounds(5000), (bytes) => void contents(bytes.slice().buffer), () => {
      expect(contents(message(A))).toEqual([A]);
    });
    expect(refused).toBeGreaterThan(0);
  });
});

describe('the queue', () => {
  test('keeps batches in their order, over restarts, until they are dropped', () => {
    const sql = new NodeSql();
    const queue = open(sql);
    expect(queue.append(message(A))).toEqual({ status: 'stored', samplesStored: 4 });
    expect(queue.append(message(B))).toEqual({ status: 'stored', samplesStored: 3 });
    const woken = open(sql);
    expect([woken.sampleCount, woken.bytes]).toEqual([7, queue.bytes]);
    const first = woken.nextSequence()!;
    expect(waiting(woken, first)).toEqual([A]);
    const second = woken.nextSequence(first)!;
    expect(waiting(woken, second)).toEqual([B]);
    expect(woken.nextSequence(second)).toBeUndefined();
    woken.drop(first);
    woken.drop(first);
    expect(woken.nextSequence()).toBe(second);
    expect(woken.sampleCount).toBe(3);
    expect(open(sql).sampleCount).toBe(3);
  });

  test('a batch that is sent again is stored once, also after a restart; a dropped one anew', () => {
    const sql = new NodeSql();
    const queue = open(sql);
    queue.append(message(A));
    expect(queue.append(message(A))).toEqual({ status: 'stored', samplesStored: 4 });
    expect(open(sql).append(message(A))).toEqual({ status: 'stored', samplesStored: 4 });
    expect(open(sql).sampleCount).toBe(4);
    const sequence = queue.nextSequence()!;
    queue.drop(sequence);
    const woken = open(sql);
    expect([woken.nextSequence(), woken.sampleCount, woken.bytes]).toEqual([undefined, 0, 0]);
    woken.append(message(A));
    expect(open(sql).sampleCount).toBe(4);
    expect(woken.nextSequence(), 'a sequence is never given twice').toBe(sequence + 1);
  });

  test('a batch that is new is stored beside one that is the same: what came in between does not count more', () => {
    const queue = open();
    for (const batch of [message(A), message(B), message(A)]) expect(queue.append(batch, { isNew: true })).toMatchObject({ status: 'stored' });
    expect(queue.append(message(A))).toMatchObject({ status: 'stored' });
    expect(queue).toMatchObject({ lastSequence: 3, batchCount: 3, sampleCount: 11 });
    expect(queue.waiting(Infinity, 2).map(({ sequence }) => sequence)).toEqual([1, 2]);
    queue.drop(1);
    expect(queue.append(message(A))).toMatchObject({ status: 'stored' });
    queue.drop(3);
    expect(queue).toMatchObject({ lastSequence: 3, batchCount: 1, sampleCount: 3 });
  });

  test('when it is full it says so by name, and takes more once something was dropped', () => {
    const queue = open(new NodeSql(), limitsWith({ lateQueueBytesMax: message(A).byteLength + 10 }));
    expect(queue.append(message(A)).status).toBe('stored');
    expect(queue.append(message(A)).status).toBe('stored');
    const answer = queue.append(message(B));
    expect(answer).toMatchObject({ status: 'refused', isFull: true });
    expect(answer.status === 'refused' && answer.message).toContain('lateQueueBytesMax');
    queue.drop(queue.nextSequence()!);
    expect(queue.append(message(A)).status).toBe('stored');
  });

  test('batches are bounded by their number too: each of them is known in memory', () => {
    const sql = new NodeSql();
    const limits = limitsWith({ lateRowsMax: 2 });
    const queue = open(sql, limits);
    expect([message(A), message(B)].map((batch) => queue.append(batch).status)).toEqual(['stored', 'stored']);
    const answer = open(sql, limits).append(message(A, B));
    expect(answer).toMatchObject({ status: 'refused', isFull: true });
    expect(answer.status === 'refused' && answer.message).toContain('lateRowsMax');
    expect(queue.append(message(A)).status).toBe('stored');
    queue.drop(queue.nextSequence()!);
    expect(queue.append(message(A, B)).status).toBe('stored');
  });

  test('an instance that has been replaced acknowledges nothing', () => {
    const sql = new NodeSql();
    const replaced = open(sql);
    replaced.append(message(A));
    replaced.drop(replaced.nextSequence()!);
    const successor = open(sql);
    successor.append(message(B));
    expect(() => replaced.append(message(A, B))).toThrow('replaced');
    expect(successor.append(message(A))).toEqual({ status: 'stored', samplesStored: 4 });
    expect(() => replaced.append(message(A, B))).toThrow('replaced');
    const woken = open(sql);
    expect(waiting(woken, woken.nextSequence()!)).toEqual([B]);
    expect(woken.sampleCount).toBe(7);
  });

  test('who asks for the first of what waits, as every write does, has one row read', () => {
    const sql = new NodeSql();
    const queue = open(sql);
    for (let i = 0; i < 50; i++) queue.append(message(series('a', [[i, i]])));
    const counts: number[] = [];
    const all = sql.all.bind(sql);
    sql.all = (...call: Parameters<typeof all>) => {
      const rows = all(...call);
      counts.push(rows.length);
      return rows as never;
    };
    expect(queue.waiting(0, 1000)).toHaveLength(1);
    expect(counts).toEqual([1]);
  });

  test('what waits is named in order, over several pages of the database, up to either bound', () => {
    const queue = open(new NodeSql());
    for (let i = 0; i < 2100; i++) queue.append(message(series('a', [[i, i]])));
    queue.drop(1024);
    const named = (samples: number, batches: number): number[] => queue.waiting(samples, batches).map(({ sequence }) => sequence);
    const all = Array.from({ length: 2100 }, (_, i) => i + 1).filter((sequence) => sequence !== 1024);
    expect(named(Infinity, Infinity)).toEqual(all);
    for (const count of [1023, 1024, 1025, 2048, 2099]) {
      expect(named(Infinity, count)).toEqual(all.slice(0, count));
      expect(named(count - 1, Infinity)).toEqual(all.slice(0, count));
    }
  });

  test('a number that a batch had is not given again by an instance that has been replaced', () => {
    const sql = new NodeSql();
    const replaced = open(sql);
    const successor = open(sql);
    successor.append(message(A));
    successor.append(message(B));
    successor.drop(successor.nextSequence()!);
    expect(() => replaced.append(message(A, B))).toThrow('replaced');
    expect(open(sql).sampleCount).toBe(3);
  });

  test('a damaged or too large message is refused for good', () => {
    const queue = open();
    const damaged = message(A);
    new Uint8Array(damaged)[50]! ^= 1;
    expect(queue.append(damaged)).toMatchObject({ status: 'refused', isFull: false });
    const small = open(new NodeSql(), limitsWith({ sqlRowBytesMax: 40 }));
    expect(small.append(message(A))).toMatchObject({ status: 'refused', isFull: false, message: expect.stringContaining('sqlRowBytesMax') });
    expect(queue.sampleCount).toBe(0);
  });
});

test('a crash at any storage call loses nothing acknowledged, and sending and draining again makes up for it', () => {
  const calls = countCalls();
  expect(calls).toBeGreaterThan(5);
  for (let call = 0; call < calls; call++) {
    for (const when of ['before', 'after'] as const) {
      const sql = new NodeSql();
      migrate(sql);
      const acknowledged: ArrayBuffer[] = [];
      const archived: LateSeries[][] = [];
      expect(() => live(new FaultySql(sql, { call, when }), acknowledged, archived)).toThrow(InjectedFault);
      const next = new NodeSql(sql.database);
      const kept = drain(new LateQueue(next, LIMITS));
      for (const batch of acknowledged) expect([...archived, ...kept], `call ${call}, ${when}`).toContainEqual(contents(batch));
      const queue = new LateQueue(next, LIMITS);
      for (const batch of [message(A), message(B)]) expect(queue.append(batch).status).toBe('stored');
      expect(drain(queue)).toEqual([[A], [B]]);
    }
  }
});

/** Two batches come, the first is archived and dropped. */
function live(sql: Sql, acknowledged: ArrayBuffer[], archived: LateSeries[][]): void {
  const queue = new LateQueue(sql, LIMITS);
  for (const batch of [message(A), message(B), message(A)]) {
    if (queue.append(batch).status === 'stored') acknowledged.push(batch);
  }
  const sequence = queue.nextSequence()!;
  archived.push(waiting(queue, sequence));
  queue.drop(sequence);
}

function countCalls(): number {
  const sql = new NodeSql();
  migrate(sql);
  const counting = new FaultySql(sql);
  live(counting, [], []);
  return counting.calls;
}

function drain(queue: LateQueue): LateSeries[][] {
  const batches: LateSeries[][] = [];
  for (let sequence = queue.nextSequence(); sequence !== undefined; sequence = queue.nextSequence()) {
    batches.push(waiting(queue, sequence));
    queue.drop(sequence);
  }
  return batches;
}
