import { expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { encodeReferenceV1 } from '../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';
import { NOW_MS, WriteApp } from './write-app.ts';

/* Several values of one series at one time: the one accepted last counts, and a request that comes again leaves it so. */
const SHARD = 'default/shard/1/0';
const V1_HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

type Values = readonly number[];

/** Each as a series of the request, or all in one. */
type Send = (app: WriteApp, values: Values) => Promise<{ readonly status: number }>;

const at = (value: number): { value: number; timestamp: number } => ({ value, timestamp: NOW_MS });
const SENDERS: Readonly<Record<string, Send>> = {
  '1.0, in one series': (app, values) => app.post(snappyEncode(encodeReferenceV1({ timeseries: [{ labels: [{ name: '__name__', value: 'm' }], samples: values.map(at) }] })), V1_HEADERS),
  '1.0, a series each': (app, values) => app.post(snappyEncode(encodeReferenceV1({ timeseries: values.map((value) => ({ labels: [{ name: '__name__', value: 'm' }], samples: [at(value)] })) })), V1_HEADERS),
  '2.0, in one series': (app, values) => app.send({ labels: ['__name__', 'm'], samples: values.map(at) }),
  '2.0, a series each': (app, values) => app.send(...values.map((value): V2Series => ({ labels: ['__name__', 'm'], samples: [at(value)] }))),
  'an import': (app, values) => app.post(new TextEncoder().encode(values.map((value) => `m ${value} ${NOW_MS}\n`).join('')), {}, '/api/v1/import/prometheus'),
  'Influx lines': (app, values) => app.post(new TextEncoder().encode(values.map((value) => `m value=${value} ${NOW_MS}\n`).join('')), {}, '/write?precision=ms'),
};

/** What may lie between a request and the same once more. */
const BETWEEN: Readonly<Record<string, (app: WriteApp) => void>> = {
  nothing: () => {},
  'a seal': ({ node }) => node.shards.storeOf(SHARD).seal(),
  'an object that wakes': ({ node }) => node.shards.evictAll(),
  'a seal, and an object that wakes': ({ node }) => {
    node.shards.storeOf(SHARD).seal();
    node.shards.evictAll();
  },
};

const VALUES: readonly Values[] = [[1, 2, 1], [1, 2, 2, 3, 1]];

test.each(Object.entries(SENDERS))('%s: the last one counts, however often it comes', async (_, send) => {
  for (const values of VALUES) {
    for (const between of Object.values(BETWEEN)) {
      const app = new WriteApp();
      const wanted = `0=${values.at(-1)}`;
      for (let times = 0; times < 3; times++) {
        expect((await send(app, values)).status).toBe(204);
        expect(app.samples().map((line) => line.split(' ')[1])).toEqual([wanted]);
        between(app);
        expect(app.samples().map((line) => line.split(' ')[1])).toEqual([wanted]);
      }
    }
  }
});

test('in one commit with others, too', async () => {
  const app = new WriteApp();
  const body = snappyEncode(v2Request({ labels: ['__name__', 'm'], samples: [1, 2, 1].map(at) }));
  await app.post(body);
  const answers = await Promise.all([body, snappyEncode(v2Request({ labels: ['__name__', 'm'], samples: [at(3)] })), body].map((one) => app.post(one)));
  expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
  expect(app.samples()).toEqual(['m 0=1']);
});
