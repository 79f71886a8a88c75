import { expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import { isListedMessage } from '../../storage/shard/listed-message.ts';
import type { AppendAnswer } from '../../storage/shard/shard-api.ts';
import { encodeReferenceV1 } from '../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';
import { NOW_MS, WriteApp } from './write-app.ts';

const SERIES = 80;
const SHARD = 'default/shard/1/0';
const V1_HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

/** A Worker and its shard, with an ear on what the shard is told. */
class Listening {
  readonly app = new WriteApp();
  /** Of each append: whether its series came as a list, its bytes, and what it was answered. */
  readonly heard: { isListed: boolean; bytes: number; status: AppendAnswer['status'] }[] = [];
  readonly #listened = new WeakSet<HotStore>();
  /** Whether the shard is of a release that knows no lists. */
  isOld = false;

  constructor() {
    this.app.node.shards.onAppend = (shard) => this.#listen(this.app.node.shards.storeOf(shard));
  }

  /** Scrape `n` of the first `count` series, at a time of its own; `value` is that of the first. */
  scrape(n: number, count = SERIES, value = n * 100 + 1): Promise<string> {
    return this.#send(...Array.from({ length: count }, (_, i) => ({ labels: ['__name__', 'm', 'i', `i${i}`], samples: [{ value: value + i, timestamp: NOW_MS + n * 1000 }] })));
  }

  /** Samples of the series at a position, as value by scrape. */
  valuesOf(i: number): string[] {
    return this.app.samples().filter((line) => line.startsWith(`m{i="i${i}"} `)).flatMap((line) => line.split(' ').slice(1));
  }

  async #send(...series: readonly V2Series[]): Promise<string> {
    const { status, text, written } = await this.app.post(snappyEncode(v2Request(...series)));
    return [status, ...written, text].join(' ').trim();
  }

  #listen(store: HotStore): void {
    if (this.#listened.has(store)) return;
    this.#listened.add(store);
    const append = store.append.bind(store);
    store.append = (message, wishes) => {
      const isListed = isListedMessage(message);
      const answer: AppendAnswer = this.isOld && isListed ? { status: 'refused', message: 'append message: version 3, this shard knows 1 and 2' } : append(message, this.isOld ? undefined : wishes);
      this.heard.push({ isListed, bytes: message.byteLength, status: answer.status });
      return answer;
    };
  }
}

const TAKEN = `204 ${SERIES} 0 0`;
const WHOLE = { isListed: false, bytes: 16 + SERIES * 32, status: 'stored' };
const LISTED = { isListed: true, bytes: 24 + 12 + SERIES * 8, status: 'stored' };
const UNKNOWN = { ...LISTED, status: 'unknown-list' };

/** As far as that the shard is told lists. */
async function listening(): Promise<Listening> {
  const there = new Listening();
  for (let n = 0; n < 3; n++) expect(await there.scrape(n)).toBe(TAKEN);
  expect(there.heard.slice(-2)).toEqual([WHOLE, WHOLE]);
  there.heard.length = 0;
  return there;
}

test('a request that is known goes as a list when it comes again, in a quarter of the bytes, and is stored like others', async () => {
  const there = await listening();
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([LISTED, LISTED]);
  expect(there.valuesOf(7)).toEqual([0, 1, 2, 3, 4].map((n) => `${n * 1000}=${n * 100 + 8}`));
});

test('sent again, whole or after a lost answer, it changes nothing', async () => {
  const there = await listening();
  expect([await there.scrape(3), await there.scrape(3)]).toEqual([TAKEN, TAKEN]);
  there.app.node.shards.faults.push('lose-answer');
  expect(await there.scrape(4)).toBe(TAKEN);
  expect(there.heard).toEqual([LISTED, LISTED, LISTED, LISTED]);
  expect(there.valuesOf(0)).toEqual([0, 1, 2, 3, 4].map((n) => `${n * 1000}=${n * 100 + 1}`));
});

test('a shard that was replaced is sent the whole, once', async () => {
  const there = await listening();
  there.app.node.shards.evictAll();
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([UNKNOWN, WHOLE, LISTED]);
  expect(there.valuesOf(1)).toHaveLength(5);
});

test('a shard that is replaced between the list and the whole, and whose series are gone meanwhile, gets their labels', async () => {
  const there = await listening();
  const { shards } = there.app.node;
  shards.evictAll();
  const listen = shards.onAppend;
  shards.onAppend = (shard) => {
    listen(shard);
    if (there.heard.at(-1)?.status !== 'unknown-list') return;
    // Nothing that is stored mentions them any more.
    shards.storeOf(shard).prune(NOW_MS + 3000);
    shards.storeOf(shard).maintain();
  };
  expect(await there.scrape(3)).toBe(TAKEN);
  expect(there.heard.map(({ status }) => status)).toEqual(['unknown-list', 'unknown-series', 'stored']);
  expect(there.valuesOf(79)).toEqual(['3000=380']);
});

test('a shard of a release before gets no list; and one that has gone back to it, the whole', async () => {
  const there = await listening();
  there.isOld = true;
  expect([await there.scrape(3), await there.scrape(4)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard).toEqual([{ ...LISTED, status: 'refused' }, WHOLE, WHOLE]);
  there.isOld = false;
  expect([await there.scrape(5), await there.scrape(6)]).toEqual([TAKEN, TAKEN]);
  expect(there.heard.slice(3)).toEqual([WHOLE, LISTED]);
  expect(there.valuesOf(5)).toHaveLength(7);
});

test('with a sample that is too old a request goes the long way, and the others are stored with true counts', async () => {
  const there = await listening();
  const age = 30 * 3600;
  expect(await there.scrape(-age)).toMatch(new RegExp(`^400 0 0 0 .*${SERIES} samples refused`));
  expect(there.heard).toEqual([]);
  there.app.node.shards.storeOf(SHARD).prune(NOW_MS + 1500); // the newest scrape stays, and with it the series
  expect(await there.scrape(1)).toMatch(/^400 0 0 0 .*80 samples are older than/);
  expect(await there.scrape(3)).toBe(TAKEN);
  expect(there.heard).toEqual([LISTED, LISTED]); // below the shard's floor, and above it
});

test('a request of a few series never does, nor does one of 1.0', async () => {
  const there = new Listening();
  for (let n = 0; n < 6; n++) expect(await there.scrape(n, 63)).toBe('204 63 0 0');
  const labelsOf = (i: number): { name: string; value: string }[] => [{ name: '__name__', value: 'm' }, { name: 'i', value: `i${i}` }];
  for (let n = 6; n < 12; n++) {
    const timeseries = Array.from({ length: SERIES }, (_, i) => ({ labels: labelsOf(i), samples: [{ value: n, timestamp: NOW_MS + n * 1000 }] }));
    expect(await there.app.post(snappyEncode(encodeReferenceV1({ timeseries })), V1_HEADERS)).toMatchObject({ status: 204 });
  }
  expect(there.valuesOf(0).at(-1)).toBe('11000=11');
  expect(there.heard.some(({ isListed }) => isListed)).toBe(false);
});
