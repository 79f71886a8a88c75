import { expect, test } from 'vitest';
import type { Labels } from '../../../storage/model/labels.ts';
import { BY_ID, encodeRefMessage } from '../../../storage/shard/append/ref-message.ts';
import { REFUSED_REF } from '../../../storage/shard/append/resolve-series.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { mixedWith } from '../../../storage/shard/index/ref-space.ts';
import type { AppendAnswer, GivenRefs } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { bareMessage, columnsOf, fullMessage, idOf, named, type TestBatch } from './batches.ts';
import { dump } from './store-model.ts';

const LIMITS = limitsWith({ logEntriesMax: 200, batchSamplesMax: 60, walSlotsMax: 16, activeSeriesMax: 40 });
const WANTS_REFS = { refs: true };

function pods(count: number, generation = 0): Labels[] {
  return Array.from({ length: count }, (_, i) => named('m', { pod: `${generation}-${i}` }));
}

function batchOf(series: readonly Labels[], timestampMs: number, value = timestampMs): TestBatch {
  return series.map((labels, i) => ({ labels, samples: [[timestampMs, value + i]] }));
}

/** What a sender knows of a store's refs. */
class Refs {
  readonly space: Uint32Array;
  readonly #refs = new Map<Labels, number>();

  constructor(space: Uint32Array) {
    this.space = space;
  }

  learn(series: readonly Labels[], { refs }: GivenRefs): this {
    expect(refs).toHaveLength(series.length);
    series.forEach((labels, i) => refs[i] !== REFUSED_REF && this.#refs.set(labels, refs[i]!));
    return this;
  }

  unknownOf(series: readonly Labels[]): Labels[] {
    return series.filter((labels) => !this.#refs.has(labels));
  }

  /** A run for each series; what is not known goes by its id. */
  message(batch: TestBatch, space = this.space): ArrayBuffer {
    const refs = batch.map(({ labels }) => this.#refs.get(labels) ?? BY_ID);
    const mix = batch.reduce((sum, { labels }, i) => (refs[i] === BY_ID ? sum : mixedWith(sum, idOf(labels)[0])), 0);
    return encodeRefMessage({ space, runs: Uint32Array.from(refs.flatMap((ref) => [ref, 1])), mix }, columnsOf(batch));
  }
}

function givenBy(answer: AppendAnswer): GivenRefs {
  if (answer.status !== 'stored' || answer.given === undefined) throw new Error(`no refs: ${answer.status}`);
  return answer.given;
}

/** A store that has the series, and their refs. */
function opened(series: readonly Labels[], sql = new NodeSql()): { store: HotStore; sql: NodeSql; refs: Refs } {
  const store = new HotStore(sql, LIMITS);
  const given = givenBy(store.append(fullMessage(batchOf(series, 1)), WANTS_REFS));
  return { store, sql, refs: new Refs(given.space).learn(series, given) };
}

test('what comes by refs is stored as what comes by ids, is there again behind a restart, and the change feed has it', () => {
  const series = pods(5);
  const [byRef, byId] = [opened(series), opened(series)];
  for (const timestampMs of [10, 20, 20, 15]) {
    const batch = batchOf([...series].reverse(), timestampMs);
    expect(byRef.store.append(byRef.refs.message(batch))).toEqual(byId.store.append(bareMessage(batch)));
  }
  const counters = { ...byRef.store.stats().counters };
  expect(counters['samples_by_ref_total']).toBe(20);
  expect({ ...counters, samples_by_ref_total: 0 }).toEqual(byId.store.stats().counters);
  expect(dump(byRef.store)).toEqual(dump(byId.store));
  expect(dump(new HotStore(new NodeSql(byRef.sql.database), LIMITS))).toEqual(dump(byId.store));
  const changes = (store: HotStore): unknown => store.changes({ version: 1, cursor: 0, rowsMax: 100, selectors: [] });
  expect(changes(byRef.store)).toEqual(changes(byId.store));
});

test('series by id may stand among those by ref, and their refs are given; new ones are asked for, with nothing stored', () => {
  const series = pods(6);
  const { store } = opened(series);
  const known = series.filter((_, i) => i % 3 > 0);
  const given = givenBy(store.append(bareMessage(batchOf(known, 2)), WANTS_REFS));
  const refs = new Refs(given.space).learn(known, given);
  const mixed = givenBy(store.append(refs.message(batchOf(series, 3)), WANTS_REFS));
  refs.learn(refs.unknownOf(series), mixed);
  expect(mixed.space).toEqual(given.space);
  expect(givenBy(store.append(refs.message(batchOf(series, 4)), WANTS_REFS)).refs).toHaveLength(0);
  const byIds = opened(series);
  for (const [some, timestampMs] of [[known, 2], [series, 3], [series, 4]] as const) byIds.store.append(bareMessage(batchOf(some, timestampMs)));
  expect(dump(store)).toEqual(dump(byIds.store));
  const before = dump(store);
  const withNew = [series[0]!, ...pods(1, 1), series[1]!, ...pods(1, 2)];
  expect(store.append(refs.message(batchOf(withNew, 5)), WANTS_REFS)).toEqual({ status: 'unknown-series', positions: Uint32Array.of(1, 3) });
  expect(dump(store)).toEqual(before);
});

test('refs are given to those who want them, also of series that are just coming, and none of those that are refused', () => {
  const store = new HotStore(new NodeSql(), LIMITS);
  const series = pods(45);
  const first = givenBy(store.append(fullMessage(batchOf(series.slice(0, 5), 1)), WANTS_REFS));
  expect(store.append(bareMessage(batchOf(series.slice(0, 5), 2)))).not.toHaveProperty('given');
  const answer = store.append(fullMessage(batchOf(series, 3)), WANTS_REFS);
  expect(answer).toMatchObject({ samplesStored: 40, refusals: [{ kind: 'limit', samples: 5 }] });
  const { refs } = givenBy(answer);
  expect(refs.slice(0, 5)).toEqual(first.refs);
  expect(new Set(refs.slice(0, 40)).size).toBe(40);
  expect(refs.slice(40)).toEqual(new Uint32Array(5).fill(REFUSED_REF));
});

test('messages of one group do not lose their timestamps and refs to those behind them', () => {
  const series = pods(12);
  const { store, refs } = opened(series);
  const byIds = opened(series);
  const groups = [[0, 6, 10], [6, 12, 11], [3, 5, 12], [0, 12, 13]].map(([from, to, timestampMs]) => batchOf(series.slice(from, to), timestampMs!));
  const answers = store.appendAll(
    groups.map((batch, i) => (i % 2 === 0 ? refs.message(batch) : bareMessage(batch))),
    groups.map(() => WANTS_REFS),
  );
  for (const batch of groups) byIds.store.append(bareMessage(batch));
  expect(dump(store)).toEqual(dump(byIds.store));
  for (const i of [1, 3]) {
    const { refs: given } = givenBy(answers[i]!);
    expect(given).toEqual(givenBy(byIds.store.append(bareMessage(groups[i]!), WANTS_REFS)).refs);
    // They leave the object: no longer than they are said to be.
    expect(given.buffer.byteLength).toBe(given.byteLength);
  }
});

test('another instance does not know the refs, and says so with nothing stored; nor does one know those of another shard', () => {
  const series = pods(5);
  const { sql, refs } = opened(series);
  const successor = new HotStore(new NodeSql(sql.database), LIMITS);
  for (const store of [successor, opened(series).store]) {
    const before = dump(store);
    expect(store.append(refs.message(batchOf(series, 9)))).toEqual({ status: 'unknown-refs' });
    expect(dump(store)).toEqual(before);
  }
  expect(givenBy(successor.append(bareMessage(batchOf(series, 9)), WANTS_REFS)).space).not.toEqual(refs.space);
});

test('an instance that has been replaced takes nothing by refs either', () => {
  const series = pods(5);
  const { store, sql, refs } = opened(series);
  new HotStore(new NodeSql(sql.database), LIMITS).append(bareMessage(batchOf(series, 9)));
  expect(() => store.append(refs.message(batchOf(series, 10)))).toThrow('this instance of the shard has been replaced');
});

test('refs that no series has, and those of other series than the sender means, are not known: nothing is stored', () => {
  const series = pods(5);
  const { store, refs } = opened(series);
  const before = dump(store);
  const damaged = (at: number, value: number): ArrayBuffer => {
    const message = refs.message(batchOf(series, 9));
    new DataView(message).setUint32(at, value, true);
    return message;
  };
  // Behind the header and the one run of timestamps: the runs' first refs.
  for (const [at, ref] of [[48, 1], [56, 0], [80, 5], [80, 0xfffffffe], [32, 7], [28, 1], [20, 0]] as const) {
    expect(store.append(damaged(at, ref)), `${at}: ${ref}`).toEqual({ status: 'unknown-refs' });
  }
  const swapped = refs.message(batchOf(series, 9));
  new Uint32Array(swapped, 48, 3).set([1, 1, 0]);
  expect(store.append(swapped)).toEqual({ status: 'unknown-refs' });
  expect(dump(store)).toEqual(before);
  expect(store.append(refs.message(batchOf(series, 9)))).toMatchObject({ status: 'stored' });
});

test('lists of a release before, and messages of one to come, are refused', () => {
  const { store, refs } = opened(pods(5));
  for (const version of [3, 5]) {
    const message = refs.message(batchOf(pods(5), 9));
    new Uint32Array(message, 0, 1)[0] = version;
    expect(store.append(message, { list: true } as never)).toMatchObject({ status: 'refused', message: expect.stringContaining(`version ${version}`) as string });
  }
});

test('series whose refs others have by now are not written to: the space is gone with them', () => {
  const clock = new FixedClock(0);
  const limits = { ...LIMITS, logAgeMsMax: 1000 as typeof LIMITS.logAgeMsMax };
  const store = new HotStore(new NodeSql(), limits, { clock, retentionMs: 10_000 });
  const [old, others] = [pods(5, 1), pods(5, 2)];
  const at = (nowMs: number): void => {
    clock.advance(nowMs - clock.nowMs());
    while ((store.nextDueMs() ?? Infinity) <= clock.nowMs()) store.maintain();
  };
  const given = givenBy(store.append(fullMessage(batchOf(old, 1)), WANTS_REFS));
  const refs = new Refs(given.space).learn(old, given);
  at(2000);
  expect(store.append(refs.message(batchOf(old, 3)))).toMatchObject({ status: 'stored' }); // a seal changes nothing
  at(60_000); // all of it has expired
  expect(givenBy(store.append(fullMessage(batchOf(others, 60_000)), WANTS_REFS)).refs).toEqual(given.refs); // in the places of the old ones
  expect(store.append(refs.message(batchOf(old, 60_001)))).toEqual({ status: 'unknown-refs' });
  expect(store.append(bareMessage(batchOf(old, 60_001)))).toMatchObject({ status: 'unknown-series' });
  store.append(fullMessage(batchOf(old, 60_001)));
  const fresh = new HotStore(new NodeSql(), limits);
  fresh.append(fullMessage([...batchOf(old, 60_001), ...batchOf(others, 60_000)]));
  expect(dump(store)).toEqual(dump(fresh));
});

test('whatever happens between, refs change nothing but how much is sent', () => {
  let byRef = 0;
  for (let round = 0; round < 40; round++) {
    const random = new SeededRandom(round);
    const databases = [new NodeSql(), new NodeSql()] as const;
    let stores = databases.map((sql) => new HotStore(sql, LIMITS)) as [HotStore, HotStore];
    const cycle = pods(12);
    const senders = Array.from({ length: 3 }, () => ({ refs: undefined as Refs | undefined }));
    for (let step = 0; step < 40; step++) {
      const sender = random.pick(senders);
      const start = random.below(12);
      const series = Array.from({ length: 1 + random.below(8) }, (_, i) => cycle[(start + i) % 12]!);
      const batch: TestBatch = series.map((labels) => ({ labels, samples: [[random.below(50), random.below(3)]] }));
      let answer = sender.refs && stores[1].append(sender.refs.message(batch), WANTS_REFS);
      if (answer?.status === 'stored') byRef++;
      if (answer === undefined || answer.status !== 'stored') {
        if (answer?.status === 'unknown-refs') sender.refs = undefined;
        answer = stores[1].append(fullMessage(batch), WANTS_REFS);
        const given = givenBy(answer);
        sender.refs = (sender.refs ?? new Refs(given.space)).learn(series, given);
      } else sender.refs!.learn(sender.refs!.unknownOf(series), givenBy(answer));
      const { given: _, ...rest } = { given: undefined, ...answer };
      expect(rest, `round ${round}, step ${step}`).toEqual(stores[0].append(fullMessage(batch)));
      const act = random.below(12);
      const all = { version: 1, selectors: [[{ name: 'pod', type: '=', value: `0-${random.below(12)}` } as const]], startMs: 0, endMs: random.below(50), limit: 0 };
      const floorMs = random.below(20);
      for (const store of stores) {
        if (act === 0) store.deleteSeries(all);
        else if (act === 1) store.prune(floorMs);
        else if (act === 2) store.seal();
        else if (act === 3) store.maintain();
      }
      if (act === 4) stores = databases.map((sql) => new HotStore(new NodeSql(sql.database), LIMITS)) as [HotStore, HotStore];
      expect(dump(stores[1])).toEqual(dump(stores[0]));
    }
  }
  expect(byRef).toBeGreaterThan(400);
});

test('a message of which a bit is damaged is refused or not known, as far as it names series and says how long it is', () => {
  const series = pods(6);
  const { refs, store } = opened(series);
  const random = new SeededRandom(5);
  const original = new Uint8Array(refs.message(batchOf(series, 9)));
  const seen = new Set<string>();
  // From the counts to the ends of the runs of timestamps, without the one timestamp.
  for (let round = 0; round < 3000; round++) {
    const bytes = original.slice();
    const at = 4 + random.below(96);
    if (at >= 40 && at < 48) continue;
    bytes[at]! ^= 1 << random.below(8);
    const { status } = store.append(bytes.buffer);
    seen.add(status);
    expect(status, `byte ${at}`).not.toBe('stored');
  }
  expect([...seen].sort()).toEqual(['refused', 'unknown-refs']);
});
