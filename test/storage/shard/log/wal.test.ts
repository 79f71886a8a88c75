import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeHistogram } from '../../../../storage/chunk/index.ts';
import { EMPTY_HISTOGRAM } from '../../../../storage/model/histogram.ts';
import { HISTOGRAM_BITS_HIGH } from '../../../../storage/model/sample.ts';
import { isCurrent } from '../../../../storage/shard/fence.ts';
import { RowBuffer } from '../../../../storage/shard/log/row-buffer.ts';
import { decodeWalRow, encodeWalRow, Wal, walRowBytesMax, type LogBatch } from '../../../../storage/shard/log/wal.ts';
import { migrate } from '../../../../storage/shard/shard-schema.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { expectDamageNoticed } from '../every-bit.ts';

function batch(...timestampsMs: number[]): LogBatch {
  return {
    sampleCount: timestampsMs.length,
    refs: Uint32Array.from(timestampsMs, (_, i) => i * 3),
    timestampsMs: Float64Array.from(timestampsMs),
    valueBits: Uint32Array.from({ length: timestampsMs.length * 2 }, (_, i) => 0xfff00000 + i),
  };
}

/** Of one time, with these refs. */
function ofRefs(...refs: number[]): LogBatch {
  return { ...batch(...refs.map(() => 1.7e12)), refs: Uint32Array.from(refs) };
}

/** None was ever written. */
const NO_SEGMENTS = { generation: 0 };

function open(sql = new NodeSql()): { sql: NodeSql; wal: Wal; replayed: number[] } {
  migrate(sql);
  const wal = new Wal(sql);
  const replayed: number[] = [];
  wal.replay((row) => replayed.push(row.timestampsMs[0]!));
  return { sql, wal, replayed };
}

function append(wal: Wal, ...timestampsMs: number[]): void {
  for (const timestampMs of timestampsMs) wal.append(batch(timestampMs), NO_SEGMENTS.generation);
}

function seal(sql: NodeSql, wal: Wal): void {
  sql.transaction(() => wal.markSealed(wal.lastSequence));
  wal.restart(wal.lastSequence);
}

describe('a row', () => {
  const BATCHES: Record<string, [LogBatch, bytesPerSample: number]> = {
    empty: [batch(), 12],
    'one sample': [batch(1.7e12), 12],
    'one time for all': [batch(1.7e12, 1.7e12, 1.7e12), 12],
    'times that lie close': [batch(1.7e12 + 5, 1.7e12, 1.7e12 + 0xffffffff), 16],
    'times that lie far apart': [batch(1.7e12, 1.7e12 + 0x100000000, -5), 20],
  };
  test.each(Object.keys(BATCHES))('%s comes back', (name) => {
    const [wanted, bytesPerSample] = BATCHES[name]!;
    const bytes = encodeWalRow(wanted);
    expect(bytes.length).toBe(24 + wanted.sampleCount * bytesPerSample);
    expect(decodeWalRow(bytes.buffer as ArrayBuffer, 'x')).toEqual(wanted);
  });

  test.each(Object.keys(BATCHES).slice(1))('%s: any damage is noticed', (name) => {
    expectDamageNoticed(encodeWalRow(BATCHES[name]![0]), (damaged) => void decodeWalRow(damaged, 'x'));
  });

  const RUNS: Record<string, [LogBatch, runs: number]> = {
    'one run': [ofRefs(7, 8, 9), 1],
    'two runs that meet': [ofRefs(3, 4, 5, 0, 1, 2), 2],
    'the same run twice': [ofRefs(1, 2, 3, 1, 2, 3), 2],
    'up to the greatest ref': [ofRefs(0xfffffffc, 0xfffffffd, 0xfffffffe), 1],
    'with times of their own': [{ ...batch(5, 7, 6, 9), refs: Uint32Array.of(4, 5, 6, 7) }, 1],
  };
  test.each(Object.keys(RUNS))('%s: refs that follow each other are written as runs, and any damage is noticed', (name) => {
    const [wanted, runs] = RUNS[name]!;
    const bytes = encodeWalRow(wanted);
    const timeBytes = wanted.timestampsMs.every((timestampMs) => timestampMs === wanted.timestampsMs[0]) ? 0 : 4;
    expect(bytes.length).toBe(24 + runs * 8 + wanted.sampleCount * (8 + timeBytes));
    expect(decodeWalRow(bytes.buffer as ArrayBuffer, 'x')).toEqual(wanted);
    expectDamageNoticed(bytes, (damaged) => void decodeWalRow(damaged, 'x'));
  });

  test('refs that are written as runs are never longer than one by one', () => {
    for (const refs of [[1], [1, 2], [1, 2, 4, 5], [5, 4, 3], []]) expect(encodeWalRow(ofRefs(...refs)).length, String(refs)).toBe(24 + refs.length * 12);
  });

  test('runs that are no refs, or not as many as there are samples, are refused', () => {
    const damaged = (at: number, word: number): (() => void) => {
      const bytes = encodeWalRow(ofRefs(7, 8, 9));
      const view = new DataView(bytes.buffer);
      view.setUint32(at, word, true);
      view.setUint32(8, crc32(bytes.subarray(16)), true);
      return () => void decodeWalRow(bytes.buffer as ArrayBuffer, 'WAL slot 7');
    };
    for (const [at, word] of [[24, 0xfffffffd], [28, 0], [28, 2], [28, 4], [28, 0xffffffff]] as const) expect(damaged(at, word)).toThrow('WAL slot 7: the 1 runs are not the refs of 3 samples');
    expect(damaged(24, 0xfffffffc)).not.toThrow();
  });

  const payload = encodeHistogram({ ...EMPTY_HISTOGRAM, sum: 3 }, false);
  const histograms = Uint32Array.of(0, HISTOGRAM_BITS_HIGH, 7, 7, 1, HISTOGRAM_BITS_HIGH);
  const WITH_EXTRAS: Record<string, LogBatch> = {
    'with start timestamps': { ...batch(1, 2, 3), payloads: [], startsMs: Float64Array.of(0, 5, -5) },
    'with histograms': { ...batch(1, 2, 3), valueBits: histograms, payloads: [payload, payload], startsMs: undefined },
    'with both': { ...batch(1, 1, 1), valueBits: histograms, payloads: [payload, payload], startsMs: Float64Array.of(1, 2, 3) },
  };
  test.each(Object.keys(WITH_EXTRAS))('%s comes back, in no more bytes than it was counted for, and any damage is noticed', (name) => {
    const wanted = WITH_EXTRAS[name]!;
    const bytes = encodeWalRow(wanted);
    const payloads = wanted.payloads ?? [];
    expect(bytes.length).toBeLessThanOrEqual(walRowBytesMax(3, wanted.startsMs !== undefined, payloads.length, payloads.length * payload.length));
    expect(decodeWalRow(bytes.buffer as ArrayBuffer, 'x')).toEqual(wanted);
    expectDamageNoticed(bytes, (damaged) => void decodeWalRow(damaged, 'x'));
  });

  test('arrays longer than the count are cut', () => {
    const long = batch(1, 2, 3, 4);
    expect(decodeWalRow(encodeWalRow({ ...long, sampleCount: 2 }).buffer as ArrayBuffer, 'x')).toEqual(batch(1, 2));
  });

  test('rows in one buffer are those in buffers of their own, whatever was there before', () => {
    const buffer = new RowBuffer();
    const all = [...Object.values(BATCHES).map(([one]) => one), ...Object.values(RUNS).map(([one]) => one), ...Object.values(WITH_EXTRAS)];
    // Of more bytes than are kept, and of a few less.
    for (const samples of [20_000, 5_000]) all.push(batch(...Array.from({ length: samples }, (_, i) => i)));
    for (const one of [...all, ...all.toReversed()]) expect(encodeWalRow(one, buffer)).toEqual(encodeWalRow(one));
    const [first, second] = [encodeWalRow(batch(1), buffer), encodeWalRow(batch(2), buffer)];
    expect(first.buffer).toBe(second.buffer);
  });

  test('of another version is refused by name', () => {
    const bytes = encodeWalRow(batch(1));
    bytes[0] = 4;
    expect(() => decodeWalRow(bytes.buffer as ArrayBuffer, 'WAL slot 7')).toThrow('WAL slot 7: version 4, this build knows 1, 2 and 3');
  });
});

describe('the log', () => {
  test('is replayed in the order of writing, and goes on behind', () => {
    const { sql, wal } = open();
    append(wal, 10, 30);
    const second = open(sql);
    expect(second.replayed).toEqual([10, 30]);
    append(second.wal, 20);
    expect(open(sql).replayed).toEqual([10, 30, 20]);
    expect(second.wal.rowCount).toBe(3);
  });

  test('reuses slots after a seal, and what was sealed is not replayed', () => {
    const { sql, wal } = open();
    append(wal, 1, 2, 3, 4);
    expect(wal.rowCount).toBe(4);
    seal(sql, wal);
    expect([wal.rowCount, wal.lastSequence]).toEqual([0, 4]);
    expect(open(sql).replayed).toEqual([]);
    append(wal, 5, 6);
    const again = open(sql);
    expect(again.replayed).toEqual([5, 6]);
    seal(sql, again.wal);
    append(again.wal, 7);
    expect(open(sql).replayed).toEqual([7]);
    expect(sql.all('SELECT slot, sequence FROM wal ORDER BY slot').map((row) => `${row['slot']}:${row['sequence']}`)).toEqual(['0:7', '1:6', '2:3', '3:4']);
  });

  function refusesReplay(what: string, statement: string, message: string): void {
    test(`${what} is noticed`, () => {
      const { sql, wal } = open();
      append(wal, 1, 2);
      seal(sql, wal);
      append(wal, 3, 4, 5);
      sql.run(statement);
      expect(() => open(sql)).toThrow(message);
    });
  }
  refusesReplay('a missing first batch', 'DELETE FROM wal WHERE slot = 0', 'WAL slot 1: sequence 4, want 3: a batch is missing');
  refusesReplay('a missing batch in the middle', 'DELETE FROM wal WHERE slot = 1', 'a batch is missing');
  refusesReplay('an old row where a new one should be', 'UPDATE wal SET sequence = 2 WHERE slot = 1', 'a batch is missing');
  refusesReplay('a row of a later sequence', 'UPDATE wal SET sequence = 9 WHERE slot = 2', 'a batch is missing');
  refusesReplay('a damaged row', "UPDATE wal SET samples = zeroblob(36) WHERE slot = 1", 'WAL slot 1: version 0');

  test('an instance notices what another has written', () => {
    const writers: Record<string, (sql: NodeSql, wal: Wal) => void> = {
      'a batch': (_sql, wal) => append(wal, 9),
      'a seal': (sql, wal) => seal(sql, wal),
      'a seal and a batch': (sql, wal) => (seal(sql, wal), append(wal, 9)),
    };
    for (const [what, act] of Object.entries(writers)) {
      const first = open();
      append(first.wal, 1, 2);
      const second = open(first.sql);
      expect([isCurrent(first.sql, first.wal, NO_SEGMENTS), isCurrent(second.sql, second.wal, NO_SEGMENTS)]).toEqual([true, true]);
      act(first.sql, second.wal);
      expect([isCurrent(first.sql, first.wal, NO_SEGMENTS), isCurrent(second.sql, second.wal, NO_SEGMENTS)], what).toEqual([false, true]);
    }
  });

  test('an instance writes nothing behind what another has sealed: both would give the same sequence, each in a slot of its own', () => {
    const first = open();
    append(first.wal, 1, 2);
    const second = open(first.sql);
    seal(second.sql, second.wal);
    expect(first.wal.nextSlot).not.toBe(second.wal.nextSlot);
    expect(() => append(first.wal, 9)).toThrow('replaced');
    append(second.wal, 3);
    expect(open(first.sql).replayed).toEqual([3]);
  });

  test('rows of an earlier round in the next slot do not count as another writer', () => {
    const { sql, wal } = open();
    append(wal, 1, 2, 3);
    seal(sql, wal);
    expect(isCurrent(sql, wal, NO_SEGMENTS)).toBe(true);
    append(wal, 4);
    expect(isCurrent(sql, wal, NO_SEGMENTS)).toBe(true);
    expect(isCurrent(sql, open(sql).wal, NO_SEGMENTS)).toBe(true);
  });
});
