import { expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { gauge, metricsRequest, numberPoint, resourceMetrics, sum, type AttributeValue } from '../../proto/otlp-fields.ts';
import { NOW_MS, OtlpStack } from './otlp-stack.ts';

const HA = { clusterLabel: 'cluster', replicaLabel: '__replica__' };
const SERVICE = { 'service.name': 'shop', 'host.name': 'h' };

/** A request of a replica, marked by attributes of its resource or of its points. */
function request(value: number, { resource = {}, point = {}, afterMs = 0 }: { resource?: Record<string, AttributeValue>; point?: Record<string, AttributeValue>; afterMs?: number }): Uint8Array {
  return metricsRequest(resourceMetrics({ ...SERVICE, ...resource }, [gauge('g', [numberPoint({ timeMs: NOW_MS + afterMs, value, attributes: point })])]));
}

function replica(name: string): Record<string, AttributeValue> {
  return { cluster: 'c', __replica__: name };
}

test('of two replicas, told by attributes of their resources, one is stored; the other is answered as a success', async () => {
  const stack = new OtlpStack({ ha: HA });
  for (const [name, value] of [['a', 1], ['b', 2], ['a', 3]] as const) {
    const outcome = await stack.write(request(value, { resource: replica(name), afterMs: value * 1000 }));
    expect([outcome.rejections.isEmpty, outcome.refusedPointCount, outcome.stored.samples]).toEqual([true, 0, name === 'a' ? 2 : 0]);
  }
  expect(stack.stored()).toEqual(['g{job="shop"} 1000=1 3000=3', 'target_info{cluster="c", host_name="h", job="shop"} 1000=1 3000=1']);
  expect(stack.counters.samples()).toEqual([{ name: 'varve_ha_dropped_requests_total', labels: {}, value: 1 }]);
});

test('promoted, and as attributes of points, in JSON too: the replica is no label of what is stored', async () => {
  const promoting = new OtlpStack({ ha: HA, options: { promoteAllResourceAttributes: true } });
  for (const name of ['a', 'b']) await promoting.write(request(1, { resource: replica(name) }));
  expect(promoting.stored()[0]).toBe('g{cluster="c", host_name="h", job="shop", service_name="shop"} 0=1');
  const stack = new OtlpStack({ ha: HA });
  for (const name of ['a', 'b', 'a']) await stack.write(request(name === 'a' ? 1 : 2, { point: replica(name) }));
  expect(stack.stored()[0]).toBe('g{cluster="c", job="shop"} 0=1');
  const json = (name: string, value: number): Uint8Array => {
    const attributes = Object.entries(replica(name)).map(([key, stringValue]) => ({ key, value: { stringValue } }));
    const metrics = [{ name: 'j', gauge: { dataPoints: [{ timeUnixNano: `${NOW_MS}000000`, asDouble: value }] } }];
    return new TextEncoder().encode(JSON.stringify({ resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] }));
  };
  await stack.write(json('b', 5), 'json');
  await stack.write(json('a', 6), 'json');
  expect(stack.stored()).toContain('j 0=6');
});

test('the other takes over when the elected one has been silent', async () => {
  const stack = new OtlpStack({ ha: HA });
  await stack.write(request(1, { resource: replica('a') }));
  const silentMs = LIMITS.haFailoverMs + LIMITS.haRenewMs;
  stack.clock.advance(silentMs);
  stack.shards.nowMs += silentMs;
  await stack.write(request(2, { resource: replica('b'), afterMs: silentMs }));
  await stack.write(request(3, { resource: replica('a'), afterMs: silentMs + 1 }));
  expect(stack.stored()[0]).toBe(`g{job="shop"} 0=1 ${silentMs}=2`);
});

test('deltas of the elected one alone are added up', async () => {
  const stack = new OtlpStack({ ha: HA });
  for (const [name, from] of [['a', 0], ['b', 0], ['a', 1], ['b', 1]] as const) {
    const points = [numberPoint({ startMs: NOW_MS + from * 1000, timeMs: NOW_MS + from * 1000 + 1000, value: 5 })];
    await stack.write(metricsRequest(resourceMetrics({ ...SERVICE, ...replica(name) }, [sum('s', points, { temporality: 1 })])));
  }
  expect(stack.stored()[0]).toMatch(/^s_total\{job="shop"\} .*1000=5 .*2000=10$/);
});

test.each<[string, Record<string, AttributeValue>]>([
  ['neither', {}],
  ['no replica', { cluster: 'c' }],
  ['no cluster', { __replica__: 'a' }],
])('with %s there is no election, and nothing is left out', async (_, resource) => {
  const stack = new OtlpStack({ ha: HA, options: { promoteResourceAttributes: ['__replica__'] } });
  const shown = '__replica__' in resource ? '__replica__="a", ' : '';
  await stack.write(request(1, { resource }));
  expect(stack.stored()[0]).toBe(`g{${shown}job="shop"} 0=1`);
  expect(stack.shards.callsOf('claimReplica')).toBe(0);
});

test('a request without points, and one that cannot be decoded, are answered as ever', async () => {
  const stack = new OtlpStack({ ha: HA });
  expect((await stack.write(metricsRequest())).rejections.isEmpty).toBe(true);
  await expect(stack.write(Uint8Array.of(0xff, 0xff))).rejects.toThrow(/reaches beyond its end/);
});
