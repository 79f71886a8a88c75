import { describe, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { NOW_MS, sampleOf, WriteApp, type Answer } from './write-app.ts';

function from(replica: string, value: number, more: Record<string, string> = {}): ReturnType<typeof sampleOf> {
  return sampleOf(labelsFrom({ __name__: 'up', cluster: 'c', __replica__: replica, ...more }), value);
}

function sendV1(app: WriteApp, replica: string, value: number): Promise<Answer> {
  const labels = labelsFrom({ __name__: 'up', cluster: 'c', __replica__: replica });
  return app.post(snappyEncode(encodeWriteRequest([{ labels, timestampsMs: [NOW_MS], values: [value] }])), { 'content-encoding': 'snappy' });
}

describe('pairs of replicas', () => {
  test('are off unless configured', async () => {
    const app = new WriteApp();
    await app.send(from('a', 1), from('b', 2));
    expect(app.samples()).toEqual(['up{__replica__="a", cluster="c"} 0=1', 'up{__replica__="b", cluster="c"} 0=2']);
  });

  test('one is stored, without its label; the other is answered as a success and counted, in both versions', async () => {
    const app = new WriteApp({ VARVE_HA_TRACKER: 'on' });
    await app.taken(1, 0, 0, from('a', 1));
    expect(await app.send(from('b', 2))).toMatchObject({ status: 204, written: ['1', '0', '0'] });
    expect(await sendV1(app, 'a', 1)).toMatchObject({ status: 204, written: [undefined, undefined, undefined] });
    expect(await sendV1(app, 'b', 3)).toMatchObject({ status: 204 });
    expect(app.samples()).toEqual(['up{cluster="c"} 0=1']);
    const metrics = await (await app.node.app.fetch(new Request('http://127.0.0.1/metrics'))).text();
    expect(metrics).toContain('varve_ha_dropped_requests_total 2\n');
  });

  test('a request without the labels, and series beside those that have them, are stored as they are', async () => {
    const app = new WriteApp({ VARVE_HA_TRACKER: 'on' });
    await app.send(from('a', 1), sampleOf(labelsFrom({ __name__: 'x', __replica__: 'z' }), 5));
    await app.send(sampleOf(labelsFrom({ __name__: 'y' }), 6));
    expect(app.samples()).toEqual(['up{cluster="c"} 0=1', 'x{__replica__="z"} 0=5', 'y 0=6']);
  });

  test('fails over, and a wakened shard asks for labels without the replica', async () => {
    const app = new WriteApp({ VARVE_HA_TRACKER: 'on', VARVE_HA_REPLICA_LABEL: 'replica' });
    const by = (replica: string, value: number): ReturnType<typeof sampleOf> =>
      ({ ...sampleOf(labelsFrom({ __name__: 'up', cluster: 'c', replica }), value), samples: [{ value, timestamp: app.node.clock.nowMs() }] });
    await app.send(by('a', 1));
    const passMs = LIMITS.haFailoverMs + LIMITS.haRenewMs;
    app.node.clock.advance(passMs);
    app.node.shards.nowMs += passMs;
    app.node.shards.evictAll();
    await app.send(by('b', 2));
    await app.send(by('a', 3));
    expect(app.samples()).toEqual([`up{cluster="c"} 0=1 ${passMs}=2`]);
  });

  test('requests of both at once, and others beside them, do not mix their columns', async () => {
    const app = new WriteApp({ VARVE_HA_TRACKER: 'on' });
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => app.send(from('a', i, { i: String(i) }))),
      ...Array.from({ length: 10 }, (_, i) => app.send(from('b', 100 + i, { i: String(i) }))),
      ...Array.from({ length: 10 }, (_, i) => app.send(sampleOf(labelsFrom({ __name__: 'other', i: String(i) }), i))),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 204));
    const ups = app.samples().filter((row) => row.startsWith('up'));
    const others = app.samples().filter((row) => row.startsWith('other'));
    expect(ups).toEqual(Array.from({ length: 10 }, (_, i) => `up{cluster="c", i="${i}"} 0=${i}`));
    expect(others).toEqual(Array.from({ length: 10 }, (_, i) => `other{i="${i}"} 0=${i}`));
  });
});

describe("a tenant's limits", () => {
  const app = (limits: Record<string, number>): WriteApp => new WriteApp({ VARVE_TENANT_LIMITS: JSON.stringify({ '*': limits }) });

  test('samples a second: 429 with the time to wait, nothing stored', async () => {
    const small = app({ samplesPerSecondMax: 1, samplesBurstMax: 3 });
    const three = [from('a', 1), from('b', 1), from('c', 1)];
    expect((await small.send(...three)).status).toBe(204);
    expect(await small.send(from('d', 1), from('e', 1))).toMatchObject({ status: 429, retryAfter: '2', text: expect.stringContaining('samplesPerSecondMax is 1'), written: ['0', '0', '0'] });
    expect(small.samples()).toHaveLength(3);
    small.node.clock.advance(2_000);
    expect((await small.send(from('d', 1), from('e', 1))).status).toBe(204);
  });

  test('series and samples of a request, and its body', async () => {
    expect(await app({ seriesPerRequestMax: 1 }).send(from('a', 1), from('b', 1))).toMatchObject({ status: 413, text: expect.stringContaining('seriesPerRequestMax is 1') });
    expect(await app({ samplesPerRequestMax: 1 }).send(from('a', 1), from('b', 1))).toMatchObject({ status: 413, text: expect.stringContaining('samplesPerRequestMax is 1') });
    expect(await app({ writeBodyBytesMax: 10 }).send(from('a', 1))).toMatchObject({ status: 413, text: expect.stringContaining('writeBodyBytesMax of 10') });
  });

  test('labels and times', async () => {
    const small = app({ labelsPerSeriesMax: 2, timestampAheadMsMax: 1_000 });
    expect(await small.send(from('a', 1))).toMatchObject({ status: 400, text: expect.stringMatching(/labelsPerSeriesMax (of|is) 2/) });
    const ahead = { labels: labelsFrom({ __name__: 'x' }), samples: [{ value: 1, timestamp: NOW_MS + 1_001 }] };
    expect(await small.send(ahead)).toMatchObject({ status: 400, text: expect.stringContaining('timestampAheadMsMax (1000 ms)') });
  });
});
