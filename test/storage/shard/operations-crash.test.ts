import { expect, test } from 'vitest';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { decodeSegmentList } from '../../../storage/shard/segment/segment-list.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { everyCall, type FaultPlan, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { StatesLeftBehind } from '../../fakes/left-behind.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomExponential, seededRandom } from '../model/random-histogram.ts';
import { named, STALE, write, type TestBatch } from './batches.ts';
import { dump, type Dump } from './store-model.ts';

/*
 * The crash index of everything but plain writing: snapshot, restore, prune, deletion, keeping the newest, expiry, merge, clean-up of dead series,
 * sealing by age. A life is run once for each storage call in it and breaks before or behind that call.
 *
 * I1, I2, I3, I6: what the instance that wakes reads is what was there before the step or behind it, never anything between. I4: doing the step
 * again ends where an undisturbed life ends. I8: seals, merges and snapshots change nothing that is read, and a restore brings back what was
 * read at its snapshot, to the bit, also stale markers, -0 and histograms.
 */
const LIMITS = limitsWith({
  logEntriesMax: 40,
  batchSamplesMax: 20,
  walSlotsMax: 8,
  sealStepSamples: 9,
  segmentRowBytesTarget: 60,
  segmentFrameBytesTarget: 40,
  seriesBlockBytesTarget: 60,
  mergeFanIn: 2,
  mergeSamplesMax: 200,
  mergeStepSamples: 7,
  logAgeMsMax: 100,
});

const HISTOGRAM = randomExponential(seededRandom(2));

type Step = (store: HotStore, clock: FixedClock) => void;

function batch(timestampMs: number, ...series: readonly string[]): TestBatch {
  return series.map((name) => ({
    labels: named('m', { series: name }),
    samples: [[timestampMs, timestampMs / 8], [timestampMs + 1, name === 'b' ? HISTOGRAM : series.length], [timestampMs + 2, timestampMs % 20 === 0 ? STALE : -0]],
  }));
}

const append = (timestampMs: number, ...series: readonly string[]): Step => (store) => void write(store, batch(timestampMs, ...series));
const atTime = (nowMs: number): Step => (_, clock) => clock.advance(nowMs - clock.nowMs());
const seal: Step = (store) => store.seal();
const maintain: Step = (store) => store.maintain();
const createSnapshot: Step = (store) => void store.createSnapshot();
const restoreNewest: Step = (store) => store.restoreSnapshot(store.listSnapshots().at(-1)!);
const deleteAll: Step = (store) => store.listSnapshots().forEach((id) => store.deleteSnapshot(id));
const prune = (beforeMs: number): Step => (store) => void store.prune(beforeMs);
const keepNewest = (maxVersionsPerKey: number): Step => (store) => void store.compact({ maxVersionsPerKey });

const deleteRange = (pattern: string, startMs: number, endMs: number): Step => (store) => {
  const selectors = [[{ name: 'series', type: '=~', value: pattern }]] as const;
  expect(store.deleteSeries({ version: SHARD_RPC_VERSION, selectors, startMs, endMs, limit: 0 }).more).toBe(false);
};

const LIFE: readonly Step[] = [
  append(10, 'a', 'b', 'gone-1', 'gone-2'),
  seal,
  append(20, 'a', 'b', 'c'),
  createSnapshot,
  append(15, 'a', 'd'), // out of order, some of it over what is sealed
  seal,
  append(30, 'a', 'new-since-the-snapshot'),
  restoreNewest,
  append(40, 'a', 'b', 'c'),
  prune(20), // whole rows and rows that straddle; what goes is still the snapshot's
  createSnapshot,
  append(50, 'a', 'b', 'd'),
  deleteRange('a|b', 41, 50), // the end of one piece and the beginning of another; the snapshot keeps them
  append(41, 'a'), // what comes again is taken
  keepNewest(3),
  deleteAll, // now it goes, and series with it
  prune(45), // a row that nothing holds
  append(60, 'e', 'f', 'a'), // refs of series that are gone
  seal,
  append(70, 'a', 'b'),
  seal,
  maintain, // merges, in several steps
  maintain,
  maintain,
  maintain,
  append(75, 'a'), // in the middle of one
  seal,
  maintain,
  maintain,
  maintain,
  maintain,
  append(80, 'a', 'g'),
  atTime(300),
  maintain, // seals the old log
  append(310, 'a', 'h'),
  seal,
  atTime(1_000),
  maintain, // expires all but the last, forgets the series
  maintain,
  append(1_010, 'a', 'i'),
];

/** From here on samples are too old. */
const EXPIRY = LIFE.length - 3;

interface Outcome {
  readonly dumps: readonly Dump[];
  readonly brokenStep: number;
}

/** Each instance draws its own by its seed, and the same in every life. */
function open(sql: Sql, clock: FixedClock, seed = 1000): HotStore {
  return new HotStore(sql, LIMITS, { clock, retentionMs: 700, random: new SeededRandom(seed) });
}

/** Lives from a step on until the end or until storage breaks; `dumps[i]` is what `read` says before step `fromStep + i`. */
function live(sql: Sql, clock: FixedClock, fromStep: number, read: () => Dump): Outcome {
  const dumps: Dump[] = [];
  let step = fromStep;
  try {
    const store = open(sql, clock, fromStep);
    for (; step < LIFE.length; step++) {
      dumps.push(read());
      LIFE[step]!(store, clock);
    }
  } catch (error) {
    if (!(error instanceof InjectedFault)) throw error;
    return { dumps, brokenStep: step };
  }
  return { dumps: [...dumps, read()], brokenStep: -1 };
}

const whole = new NodeSql();
const counting = new FaultySql(whole);
const wholeClock = new FixedClock(0);
const UNDISTURBED = live(counting, wholeClock, 0, () => dump(open(new NodeSql(whole.database), wholeClock))).dumps;

/** `states` are what faults have left behind so far, by the step that broke: what is read from one of them, and how life goes on, is the same again. */
function survive(plan: FaultPlan, states: readonly StatesLeftBehind[]): void {
  const where = `call ${plan.call}, ${plan.when}`;
  const sql = new NodeSql();
  const clock = new FixedClock(0);
  const { brokenStep } = live(new FaultySql(sql, plan), clock, 0, () => []);
  expect(brokenStep, where).toBeGreaterThanOrEqual(0);
  if (!states[brokenStep]!.isNew({ databases: [sql], clock })) return;
  const read = JSON.stringify(dump(open(new NodeSql(sql.database), clock)));
  // Some steps seal first and then do their work, which reads the same.
  expect([UNDISTURBED[brokenStep], UNDISTURBED[brokenStep + 1]].map((expected) => JSON.stringify(expected)), where).toContain(read);
  expect(live(new NodeSql(sql.database), clock, brokenStep, () => []).brokenStep).toBe(-1);
  expect(dump(open(new NodeSql(sql.database), clock)), where).toEqual(UNDISTURBED.at(-1));
  const stored = sql.all<{ segment: number }>('SELECT segment FROM segment ORDER BY segment');
  expect(sql.all('SELECT segment FROM segment_refs ORDER BY segment'), where).toEqual(stored);
  const [state] = sql.all<{ live_segments: ArrayBuffer }>('SELECT live_segments FROM shard_state');
  expect(decodeSegmentList(state!.live_segments, 'live').sort((a, b) => a - b), where).toEqual(stored.map(({ segment }) => segment));
}

test('an undisturbed life goes through all of it', () => {
  expect(counting.calls).toBeGreaterThan(250);
  const { counters, gauges } = open(new NodeSql(whole.database), new FixedClock(1_000)).stats();
  expect(counters['seals_total']).toBe(0);
  expect(gauges).toMatchObject({ series: 3, snapshots: 0 });
  expect(UNDISTURBED.at(-1)!.map(([series]) => series)).toEqual(['a', 'h', 'i'].map((name) => `m{series="${name}"}`));
});

test('seals, merges and snapshots change nothing that is read, and a restore brings back what was', () => {
  for (const [i, step] of LIFE.entries()) {
    if (step === seal || step === createSnapshot || (step === maintain && i < EXPIRY)) expect(UNDISTURBED[i + 1], `step ${i}`).toEqual(UNDISTURBED[i]);
  }
  expect(UNDISTURBED[LIFE.indexOf(restoreNewest) + 1]).toEqual(UNDISTURBED[LIFE.indexOf(createSnapshot)]);
});

test.each(['before', 'after'] as const)('storage breaks %s each call in turn', { timeout: 60_000 }, (when) => {
  const states = LIFE.map(() => new StatesLeftBehind());
  for (const call of everyCall(counting)) survive({ call, when }, states);
  // Nearly every step leaves something that no other leaves.
  expect(states.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(LIFE.length);
});
