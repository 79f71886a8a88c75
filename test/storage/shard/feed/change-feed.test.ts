import { describe, expect, test } from 'vitest';
import { labelsFrom } from '../../../../storage/model/labels.ts';
import { DamageNotes } from '../../../../storage/runtime/damage.ts';
import { oldestCursor, readChanges } from '../../../../storage/shard/feed/change-feed.ts';
import { isCurrent } from '../../../../storage/shard/fence.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { Wal } from '../../../../storage/shard/log/wal.ts';
import { migrate } from '../../../../storage/shard/shard-schema.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const SLOTS_MAX = 16;
const RING_SLOTS = 6;
/** None was ever written. */
const NO_SEGMENTS = { generation: 0 };

const index = new SeriesIndex();
for (const name of ['a', 'b', 'c']) index.add(labelsFrom({ __name__: name }));

/** A WAL, sealed and opened anew at will; a batch holds its own sequence as a timestamp. */
class Log {
  readonly sql = new NodeSql();
  wal: Wal;

  constructor() {
    migrate(this.sql);
    this.wal = this.#open();
  }

  /** One of so many samples of one series. */
  appendLong(sampleCount: number): void {
    const refs = new Uint32Array(sampleCount);
    this.wal.append({ sampleCount, refs, timestampsMs: Float64Array.from(refs, (_, i) => i), valueBits: new Uint32Array(sampleCount * 2) }, NO_SEGMENTS.generation);
  }

  append(): void {
    const timestampMs = this.wal.lastSequence + 1;
    const valueBits = Uint32Array.of(1, 2, 3, 4, 5, 6);
    this.wal.append({ sampleCount: 3, refs: Uint32Array.of(1, 0, 1), timestampsMs: Float64Array.of(timestampMs, timestampMs, timestampMs + 1000), valueBits }, NO_SEGMENTS.generation);
  }

  /** Of the whole log, or of its first rows: those behind them came while it was sealed. */
  seal(throughSequence = this.wal.lastSequence): void {
    this.sql.transaction(() => this.wal.markSealed(throughSequence));
    this.wal.restart(throughSequence);
  }

  takeBack(): void {
    this.wal.restart(this.sql.transaction(() => this.wal.markTakenBack()));
  }

  /** Another instance, which must write where this one would. */
  reopen(): void {
    const next = this.#open();
    expect(isCurrent(this.sql, next, NO_SEGMENTS)).toBe(true);
    expect([next.lastSequence, next.rowCount]).toEqual([this.wal.lastSequence, this.wal.rowCount]);
    this.wal = next;
  }

  read(cursor: number, rowsMax = 100, isMeant?: (ref: number) => boolean) {
    return readChanges({ sql: this.sql, wal: this.wal, index, damage: new DamageNotes() }, cursor, rowsMax, isMeant);
  }

  sequences(cursor: number, rowsMax?: number): number[] | 'resync' {
    const answer = this.read(cursor, rowsMax);
    if (answer.status === 'resync') {
      expect(answer.cursor).toBe(this.wal.lastSequence);
      return 'resync';
    }
    for (const { sequence, series } of answer.batches) expect(series[0]!.timestampsMs[0]).toBe(sequence);
    expect(answer.cursor).toBe(answer.batches.at(-1)?.sequence ?? cursor);
    return answer.batches.map(({ sequence }) => sequence);
  }

  oldest(): number {
    return oldestCursor({ sql: this.sql, wal: this.wal });
  }

  #open(): Wal {
    const wal = new Wal(this.sql, RING_SLOTS);
    const replayed: number[] = [];
    wal.replay((batch) => replayed.push(batch.timestampsMs[0]!));
    expect(replayed).toEqual(Array.from({ length: wal.rowCount }, (_, i) => wal.sealedSequence + i + 1));
    return wal;
  }
}

test('a batch is told by series, each in the order of acceptance', () => {
  const log = new Log();
  log.append();
  expect(log.read(0)).toEqual({
    status: 'changes',
    cursor: 1,
    batches: [
      {
        sequence: 1,
        series: [
          { labels: ['__name__', 'b'], timestampsMs: Float64Array.of(1, 1001), valueBits: Uint32Array.of(1, 2, 5, 6) },
          { labels: ['__name__', 'a'], timestampsMs: Float64Array.of(1), valueBits: Uint32Array.of(3, 4) },
        ],
      },
    ],
  });
  expect(log.read(1)).toEqual({ status: 'changes', batches: [], cursor: 1 });
});

test('the samples of a batch cross RPC in two buffers, whatever the number of series, and none that is not meant', () => {
  const log = new Log();
  log.append();
  const buffersOf = (isMeant?: (ref: number) => boolean): number[] => {
    const answer = log.read(0, 1, isMeant);
    if (answer.status !== 'changes') throw new Error(answer.status);
    const buffers = new Set(answer.batches[0]!.series.flatMap(({ timestampsMs, valueBits }) => [timestampsMs.buffer, valueBits.buffer]));
    return [...buffers].map(({ byteLength }) => byteLength);
  };
  expect(buffersOf()).toEqual([3 * 8, 3 * 8]);
  expect(buffersOf((ref) => ref === 0)).toEqual([8, 8]);
});

test('an answer ends with the row that makes it 4,096 samples', () => {
  const log = new Log();
  for (let row = 0; row < 5; row++) log.appendLong(2_000);
  const rowsBehind = (cursor: number): number => {
    const answer = log.read(cursor);
    return answer.status === 'changes' ? answer.batches.length : Number.NaN;
  };
  expect([rowsBehind(0), rowsBehind(3), rowsBehind(4)]).toEqual([3, 2, 1]);
});

test('who has seen everything learns that it was taken back, and goes on from there', () => {
  const log = new Log();
  log.append();
  log.append();
  const cursor = log.wal.lastSequence;
  expect(log.sequences(cursor)).toEqual([]);
  log.takeBack();
  expect(log.sequences(cursor)).toBe('resync');
  log.reopen();
  expect(log.sequences(cursor)).toBe('resync');
  const next = log.wal.lastSequence;
  log.append();
  expect(log.sequences(next)).toEqual([next + 1]);
});

describe('whatever is appended, sealed and opened anew', () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed))('seed %i', { timeout: 60_000 }, (seed) => {
    const random = new SeededRandom(seed);
    const log = new Log();
    const isFull = (): boolean => log.wal.rowCount >= SLOTS_MAX;
    let isCurrentOfOld = (): boolean => false;
    let lastLogRows = 0;
    let takenBackAt = 0;
    for (let step = 0; step < 200; step++) {
      const before = log.wal;
      const action = random.below(20);
      if (action < 13 && !isFull()) log.append();
      else if (action < 17 || isFull()) {
        const { rowCount, lastSequence } = log.wal;
        const left = random.oneIn(2) ? 0 : random.below(Math.ceil(rowCount / 3) + 1);
        lastLogRows = rowCount - left;
        log.seal(lastSequence - left);
      } else if (action < 19) {
        log.reopen();
        isCurrentOfOld = () => isCurrent(log.sql, before, NO_SEGMENTS);
        expect(isCurrentOfOld()).toBe(true);
        log.append();
        expect(isCurrentOfOld()).toBe(false);
        if (isFull()) continue;
      } else {
        log.takeBack();
        takenBackAt = log.wal.lastSequence;
        lastLogRows = 0;
      }
      const { lastSequence } = log.wal;
      const oldest = log.oldest();
      // The open log is always there, and some rows behind it.
      expect(oldest).toBeLessThanOrEqual(Math.max(takenBackAt, lastSequence - log.wal.rowCount));
      expect(oldest).toBeLessThanOrEqual(Math.max(takenBackAt, lastSequence - Math.min(RING_SLOTS, lastSequence - takenBackAt) + 1));
      for (const cursor of [oldest, Math.max(0, oldest - 1), random.between(Math.max(0, lastSequence - 40), lastSequence)]) {
        const rest = Array.from({ length: lastSequence - cursor }, (_, i) => cursor + i + 1);
        if (cursor >= oldest) {
          expect(log.sequences(cursor), `cursor ${cursor}`).toEqual(rest);
          expect(log.sequences(cursor, 2)).toEqual(rest.slice(0, 2));
        } else if (cursor < takenBackAt) expect(log.sequences(cursor), `cursor ${cursor}, taken back at ${takenBackAt}`).toBe('resync');
        else expect(['resync', ...Array.from({ length: rest.length }, (_, i) => rest.slice(0, i + 1).join())]).toContain(String(log.sequences(cursor)));
      }
      expect(log.sequences(lastSequence + 1)).toBe('resync');
    }
    expect(lastLogRows).toBeLessThanOrEqual(SLOTS_MAX);
    expect(log.sql.all<{ n: number }>('SELECT count(*) AS n FROM wal')[0]!.n).toBeLessThanOrEqual(SLOTS_MAX + RING_SLOTS);
  });
});
