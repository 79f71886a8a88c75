import { expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { isRefMessage } from '../../storage/shard/append/ref-message.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import type { AppendAnswer } from '../../storage/shard/shard-api.ts';
import { gauge, metricsRequest, numberPoint, resourceMetrics } from '../proto/otlp-fields.ts';
import { encodeReferenceV1 } from '../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';
import { NOW_MS, WriteApp } from './write-app.ts';

const SERIES = 80;
const SHARD = 'default/shard/1/0';
const V1_HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

/** A Worker and its shard, with an ear on what the shard is told. */
class Listening {
  readonly app: WriteApp;
  /** Of each append: whether its series came by ref, its bytes, and what it was answered. */
  readonly heard: { isByRef: boolean; bytes: number; status: AppendAnswer['status'] }[] = [];
  readonly #listened = new WeakSet<HotStore>();
  /** Whether the shard is of a release that gives no refs. */
  isOld = false;

  constructor(variables: Record<string, string> = {}) {
    this.app = new WriteApp(variables);
    this.app.node.shards.onAppend = (shard) => this.#listen(this.app.node.shards.storeOf(shard));
  }

  /** Scrape `n` of all series, at a time of its own. */
  scrape(n: number): Promise<string> {
    return this.send(Array.from({ length: SERIES }, (_, i) => [n, i]));
  }

  /** Samples, by scrape and series. */
  async send(samples: readonly (readonly [n: number, i: number])[]): Promise<string> {
    const series = samples.map(([n, i]): V2Series => ({ labels: ['__name__', 'm', 'i', `i${i}`], samples: [{ value: valueOf(n, i), timestamp: NOW_MS + n * 1000 }] }));
    const { status, text, written } = await this.app.post(snappyEncode(v2Request(...series)));
    return [status, ...written, text].join(' ').trim();
  }

  /** Samples of the series at a position, as value by scrape. */
  valuesOf(i: number): string[] {
    return this.app.samples().filter((line) => line.startsWith(`m{i="i${i}"} `)).flatMap((line) => line.split(' ').slice(1));
  }

  #listen(store: HotStore): void {
    if (this.#listened.has(store)) return;
    this.#listened.add(store);
    const append = store.append.bind(store);
    store.append = (message, wishes) => {
      const isByRef = isRefMessage(message);
      const answer: AppendAnswer = this.isOld && isByRef ? { status: 'refused', message: 'append message: version 4, this shard knows 1 and 2' } : append(message, this.isOld ? undefined : wishes);
      this.heard.push({ isByRef, bytes: message.byteLength, status: answer.status });
      return answer;
    };
  }
}

function valueOf(n: number, i: number): number {
  return n * 100 + 1 + i;
}

const TAKEN = `204 ${SERIES} 0 0`;
const WHOLE = { isByRef: false, bytes: 16 + SERIES * 32, status: 'stored' };
const BY_REF = { isByRef: true, bytes: 64 + SERIES * 8, status: 'stored' };
const UNKNOWN = { ...BY_REF, status: 'unknown-refs' };

/** As far as that the shard is told refs. */
async function listening(): Promise<Listening> {
  const there = new Listening();
  for (let n = 0; n < 3; n++) expect(await there.scrape(n)).toBe(TAKEN);
  expect(there.heard.map(({ isByRef, status }) => `${isByRef} ${status}`)).toEqual(['false unknown-series', 'false stored', 'true stored', 'true stored']);
  there.heard.length = 0;
  return there;
}

test('series that come again go by ref, in little more than the bytes of their values, and are stored like others', async () => {
  const there = await listening();
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([BY_REF, BY_REF]);
  expect(there.valuesOf(7)).toEqual([0, 1, 2, 3, 4].map((n) => `${n * 1000}=${n * 100 + 8}`));
});

test('sent again, whole or after a lost answer, it changes nothing', async () => {
  const there = await listening();
  expect([await there.scrape(3), await there.scrape(3)]).toEqual([TAKEN, TAKEN]);
  there.app.node.shards.faults.push('lose-answer');
  expect(await there.scrape(4)).toBe(TAKEN);
  expect(there.heard).toEqual([BY_REF, BY_REF, BY_REF, BY_REF]);
  expect(there.valuesOf(0)).toEqual([0, 1, 2, 3, 4].map((n) => `${n * 1000}=${n * 100 + 1}`));
});

test('a shard that was replaced is sent the whole, once', async () => {
  const there = await listening();
  there.app.node.shards.evictAll();
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([UNKNOWN, WHOLE, BY_REF]);
  expect(there.valuesOf(1)).toHaveLength(5);
});

test('a shard that is replaced between the refs and the whole, and whose series are gone meanwhile, gets their labels', async () => {
  const there = await listening();
  const { shards } = there.app.node;
  shards.evictAll();
  const listen = shards.onAppend;
  shards.onAppend = (shard) => {
    listen(shard);
    if (there.heard.at(-1)?.status !== 'unknown-refs') return;
    // Nothing that is stored mentions them any more.
    shards.storeOf(shard).prune(NOW_MS + 3000);
    shards.storeOf(shard).maintain();
  };
  expect(await there.scrape(3)).toBe(TAKEN);
  expect(there.heard.map(({ status }) => status)).toEqual(['unknown-refs', 'unknown-series', 'stored']);
  expect(there.valuesOf(79)).toEqual(['3000=380']);
});

test('a shard of a release before gets no refs; and one that has gone back to it, the whole', async () => {
  const there = await listening();
  there.isOld = true;
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([{ ...BY_REF, status: 'refused' }, WHOLE, WHOLE]);
  there.isOld = false;
  expect([await there.scrape(5), await there.scrape(6)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard.slice(3)).toEqual([WHOLE, BY_REF]);
  expect(there.valuesOf(5)).toHaveLength(7);
});

test('with a sample that is too old a request goes the long way, and the others are stored with true counts', async () => {
  const there = await listening();
  const age = 30 * 3600;
  expect(await there.scrape(-age)).toMatch(new RegExp(`^400 0 0 0 .*${SERIES} samples refused`));
  expect(there.heard).toEqual([]);
  there.app.node.shards.storeOf(SHARD).prune(NOW_MS + 1500); // the newest scrape stays, and with it the series
  expect(await there.scrape(1)).toMatch(/^400 0 0 0 .*80 samples older than/);
  expect(await there.scrape(3)).toBe(TAKEN);
  expect(there.heard).toEqual([BY_REF, BY_REF]); // below the shard's floor, and above it
});

/** The cycle of all series, scrape after scrape, cut into requests of these sizes, in turn. */
function* cut(scrapes: number, sizes: readonly number[]): Generator<[n: number, i: number][]> {
  const samples = Array.from({ length: scrapes * SERIES }, (_, at): [number, number] => [Math.floor(at / SERIES), at % SERIES]);
  for (let turn = 0, at = 0; at < samples.length; turn++) {
    const end = at + sizes[turn % sizes.length]!;
    yield samples.slice(at, end);
    at = end;
  }
}

test.each([1, 4])('%i shard(s): it does not matter how requests are cut', async (shardCount) => {
  const there = new Listening({ VARVE_SHARDS: String(shardCount) });
  const sizes = [37, 12, 23, 51, 7];
  for (const samples of cut(20, sizes)) {
    if (samples[0]![0] === 2) there.heard.length = 0;
    expect(await there.send(samples)).toBe(`204 ${samples.length} 0 0`);
  }
  // From the third scrape on no id is sent and nothing is asked for.
  expect(there.heard.length).toBeGreaterThan(40);
  for (const { isByRef, status } of there.heard) expect([isByRef, status]).toEqual([true, 'stored']);
  const byRef = there.app.node.shards.shardNames.map((name) => there.app.node.shards.storeOf(name).stats().counters['samples_by_ref_total']!);
  expect(byRef).toHaveLength(shardCount);
  expect(byRef.reduce((sum, samples) => sum + samples)).toBeGreaterThanOrEqual(18 * SERIES);
  for (let i = 0; i < SERIES; i++) expect(there.valuesOf(i)).toEqual(Array.from({ length: 20 }, (_, n) => `${n * 1000}=${valueOf(n, i)}`));
});

test('remote write 1.0 and OTLP name series by ref as well', async () => {
  const names = Array.from({ length: SERIES }, (_, i) => `m${i}`);
  const v1 = (n: number): Uint8Array => snappyEncode(encodeReferenceV1({ timeseries: names.map((name, i) => ({ labels: [{ name: '__name__', value: name }], samples: [{ value: valueOf(n, i), timestamp: NOW_MS + n * 1000 }] })) }));
  const otlp = (n: number): Uint8Array => metricsRequest(resourceMetrics({}, names.map((name, i) => gauge(name, [numberPoint({ timeMs: NOW_MS + n * 1000, value: valueOf(n, i) })]))));
  const [rw, points] = [new Listening(), new Listening()];
  for (let n = 0; n < 4; n++) {
    expect(await rw.app.post(v1(n), V1_HEADERS)).toMatchObject({ status: 204 });
    expect(await points.app.post(otlp(n), { 'content-type': 'application/x-protobuf' }, '/v1/metrics')).toMatchObject({ status: 200 });
  }
  for (const there of [rw, points]) expect(there.heard.slice(-3)).toEqual([BY_REF, BY_REF, BY_REF]);
  expect(points.app.samples()).toEqual(rw.app.samples());
});

test('a series that is new among known ones is asked for, and goes by ref the next time', async () => {
  const there = await listening();
  const withNew = (n: number): [number, number][] => [...Array.from({ length: 10 }, (_, i): [number, number] => [n, i]), [n, 1000], [n, 10]];
  for (const n of [3, 4]) expect(await there.send(withNew(n))).toBe('204 12 0 0');
  expect(there.heard.map(({ isByRef, status }) => `${isByRef} ${status}`)).toEqual(['true unknown-series', 'false stored', 'true stored']);
  expect(there.valuesOf(1000)).toEqual(['3000=1301', '4000=1401']);
  expect(there.valuesOf(10)).toHaveLength(5);
});

test('a series that came through another door goes by its id among those by ref, and by ref the next time', async () => {
  const there = await listening();
  const point = numberPoint({ timeMs: NOW_MS, value: 5, attributes: { i: 'i500' } });
  expect(await there.app.post(metricsRequest(resourceMetrics({}, [gauge('m', [point])])), { 'content-type': 'application/x-protobuf' }, '/v1/metrics')).toMatchObject({ status: 200 });
  there.heard.length = 0;
  for (const n of [3, 4]) expect(await there.send([[n, 7], [n, 500], [n, 8]])).toBe('204 3 0 0');
  // Three runs of series and an id, then three runs: 7 and 8 are no neighbours any more.
  expect(there.heard).toEqual([{ isByRef: true, bytes: 40 + 12 + 3 * 8 + 12 + 3 * 8, status: 'stored' }, { isByRef: true, bytes: 40 + 12 + 3 * 8 + 4 + 3 * 8, status: 'stored' }]);
  expect(there.valuesOf(500)).toEqual(['0=5', '3000=801', '4000=901']);
});
