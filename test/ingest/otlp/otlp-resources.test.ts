import { describe, expect, test } from 'vitest';
import type { HeldMemory } from '../../../ingest/request-memory.ts';
import { VarveError } from '../../../storage/runtime/errors.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { OtlpOptions } from '../../../storage/runtime/otlp-options.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { attributes, gauge, metricsRequest, numberPoint, resourceMetrics, sum, type AttributeValue, type Scope } from '../../proto/otlp-fields.ts';
import { bytesField } from '../../proto/protobuf-fields.ts';
import { NOW_MS, OtlpStack } from './otlp-stack.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

interface Case {
  readonly resource?: Attributes;
  readonly attributes?: Attributes;
  readonly scope?: Scope;
  readonly options?: Partial<OtlpOptions>;
}

const SERVICE = { 'service.name': 'shop', 'service.namespace': 'eu', 'service.instance.id': 'i-1' };

describe('labels of resource, scope and point', () => {
  function f(name: string, { resource = {}, attributes = {}, scope = {}, options = {} }: Case, ...wanted: string[]): void {
    test(name, async () => {
      const stack = new OtlpStack({ options });
      const outcome = await stack.write(metricsRequest(resourceMetrics(resource, [gauge('g', [numberPoint({ timeMs: NOW_MS, value: 1, attributes })])], scope)));
      expect(outcome.rejections.reasons()).toBe('');
      expect(stack.stored()).toEqual(wanted.map((series) => `${series} 0=1`));
    });
  }
  f('job and instance', { resource: SERVICE }, 'g{instance="i-1", job="eu/shop"}');
  f('a service without a namespace', { resource: { 'service.name': 'shop' } }, 'g{job="shop"}');
  f('a namespace alone is no job', { resource: { 'service.namespace': 'eu' } }, 'g');
  f('they win over attributes of the same name', { resource: SERVICE, attributes: { job: 'x', instance: 'y' } }, 'g{instance="i-1", job="eu/shop"}');
  f('the rest goes to target_info', { resource: { ...SERVICE, 'host.name': 'h' } }, 'g{instance="i-1", job="eu/shop"}', 'target_info{host_name="h", instance="i-1", job="eu/shop"}');
  f('nobody could join target_info without a job or an instance', { resource: { 'host.name': 'h' } }, 'g');
  f(
    'identifying attributes are kept',
    { resource: { ...SERVICE, x: 'y' }, options: { keepIdentifyingResourceAttributes: true } },
    'g{instance="i-1", job="eu/shop"}',
    'target_info{instance="i-1", job="eu/shop", service_instance_id="i-1", service_name="shop", service_namespace="eu", x="y"}',
  );
  f('identifying attributes alone make no target_info', { resource: SERVICE, options: { keepIdentifyingResourceAttributes: true } }, 'g{instance="i-1", job="eu/shop"}');
  f(
    'promoted, where the point says nothing of the name',
    { resource: { 'host.name': 'h', zone: 'z', other: 'o' }, attributes: { zone: 'mine', 'host.name': '' }, options: { promoteResourceAttributes: ['host.name', 'zone', 'missing'] } },
    'g{host_name="h", zone="mine"}',
  );
  f(
    'all promoted but those ignored',
    { resource: { ...SERVICE, zone: 'z', secret: 's' }, options: { promoteAllResourceAttributes: true, ignoreResourceAttributes: ['secret', 'service.instance.id'] } },
    'g{instance="i-1", job="eu/shop", service_name="shop", service_namespace="eu", zone="z"}',
    'target_info{instance="i-1", job="eu/shop", secret="s", zone="z"}',
  );
  const scope: Scope = { name: 'lib', version: '1.2', attributes: { 'a.b': 1n }, schemaUrl: 'https://x' };
  f('scopes are nothing by default', { scope }, 'g');
  f('scopes when asked for', { scope, options: { promoteScopeMetadata: true } }, 'g{otel_scope_a_b="1", otel_scope_name="lib", otel_scope_schema_url="https://x", otel_scope_version="1.2"}');
  f('a scope without a name', { scope: { ...scope, name: '' }, options: { promoteScopeMetadata: true } }, 'g');
  f('names that become the same have their values joined in the order of the names', { attributes: { 'a.b': '1', 'a-b': '2', a_b: '3', c: '4' } }, 'g{a_b="2;1;3", c="4"}');
  f('__name__ is not for attributes', { attributes: { __name__: 'evil' } }, 'g');
  f('values are text', { attributes: { b: true, i: 5n, d: 0.5, l: ['x', 1n] } }, 'g{b="true", d="0.5", i="5", l="[\\"x\\",1]"}');
  f('without translation', { attributes: { 'a.b': '1' }, resource: { 'x.y': 'z', 'service.name': 's' }, options: { translation: 'NoTranslation' } }, 'g{"a.b"="1", job="s"}', 'target_info{job="s", "x.y"="z"}');
});

test('scopes that differ only in what is promoted are different series, others are not', async () => {
  const request = metricsRequest(...['u', 'v'].map((schemaUrl) => resourceMetrics({}, [gauge('g', [numberPoint({ timeMs: NOW_MS, value: 1 })])], { name: 'lib', schemaUrl })));
  const plain = new OtlpStack();
  await plain.write(request);
  expect(plain.stored()).toEqual(['g 0=1']);
  const promoting = new OtlpStack({ options: { promoteScopeMetadata: true } });
  for (let i = 0; i < 2; i++) await promoting.write(request);
  expect(promoting.stored()).toEqual(['g{otel_scope_name="lib", otel_scope_schema_url="u"} 0=1', 'g{otel_scope_name="lib", otel_scope_schema_url="v"} 0=1']);
});

test('the same bytes mean another series under another metric, kind and resource', async () => {
  const stack = new OtlpStack();
  const points = [numberPoint({ timeMs: NOW_MS, value: 1, attributes: { a: 'b' } })];
  const request = metricsRequest(
    resourceMetrics({ 'service.name': 'x' }, [gauge('g', points), sum('g', points), sum('g', points, { isMonotonic: false }), gauge('h', points), gauge('g', points, { unit: 's' })]),
    resourceMetrics({ 'service.name': 'y' }, [gauge('g', points)]),
  );
  for (let i = 0; i < 3; i++) await stack.write(request);
  expect(stack.stored()).toEqual(['g{a="b", job="x"} 0=1', 'g{a="b", job="y"} 0=1', 'g_seconds{a="b", job="x"} 0=1', 'g_total{a="b", job="x"} 0=1', 'h{a="b", job="x"} 0=1']);
});

test('target_info is one of the series of a request where there is one', async () => {
  const write = (resource: Attributes, pointCount: number): Promise<unknown> => {
    const points = Array.from({ length: pointCount }, (_, i) => numberPoint({ timeMs: NOW_MS, value: 1, attributes: { i: String(i) } }));
    const stack = new OtlpStack({ tenantLimits: '{"*":{"seriesPerRequestMax":2}}' });
    return stack.write(metricsRequest(resourceMetrics(resource, [gauge('g', points)]))).then(() => stack.stored().length, (error: unknown) => String(error));
  };
  const refused = expect.stringContaining('has 3 series, the limit seriesPerRequestMax is 2') as unknown;
  expect([await write({}, 2), await write(SERVICE, 2), await write(SERVICE, 3)]).toEqual([2, 2, refused]);
  expect([await write({ ...SERVICE, zone: 'z' }, 1), await write({ ...SERVICE, zone: 'z' }, 2)]).toEqual([2, refused]);
});

test('a scope of hostile bytes is not taken for target_info', async () => {
  const stack = new OtlpStack({ options: { promoteScopeMetadata: true } });
  const point = numberPoint({ timeMs: NOW_MS, value: 1 });
  for (const service of ['x', 'y']) {
    const resource = attributes(1, { 'service.name': service, a: 'b' });
    const scopeMetrics = [...bytesField(1, 'target_info'), ...bytesField(2, gauge('g', [point]))];
    const outcome = await stack.write(metricsRequest(bytesField(1, [...bytesField(1, resource), ...bytesField(2, scopeMetrics)])));
    expect(outcome.rejections.samples).toBe(1);
  }
  expect(stack.stored()).toEqual(['target_info{a="b", job="x"} 0=1', 'target_info{a="b", job="y"} 0=1']);
});

describe('target_info is there for as long as the points', () => {
  const resource = { 'service.name': 's', a: 'b' };
  async function times(offsetsMs: readonly number[], samplesMax = 100): Promise<string> {
    const stack = new OtlpStack({ limits: limitsWith({ otlpTargetInfoSamplesMax: samplesMax }) });
    const points = offsetsMs.map((offsetMs) => numberPoint({ timeMs: NOW_MS + offsetMs, value: 1 }));
    await stack.write(metricsRequest(resourceMetrics(resource, [gauge('g', points)])));
    return stack.stored().find((line) => line.startsWith('target_info'))!.replace('target_info{a="b", job="s"} ', '');
  }
  test('one time', async () => expect(await times([0])).toBe('0=1'));
  test('within half a look-back', async () => expect(await times([-1000, 0])).toBe('-1000=1 0=1'));
  test('every half look-back', async () => expect(await times([-400_000, 0])).toBe('-400000=1 -250000=1 -100000=1 0=1'));
  test('points that are refused do not count', async () => expect(await times([-86_400_001, -100_000, 0])).toBe('-100000=1 0=1'));
  test('within a bound', async () => expect(await times([-1_000_000, 0], 2)).toBe('-1000000=1 -850000=1 -700000=1 0=1'));
});

test('metadata is noted once, and again when it is another', async () => {
  const stack = new OtlpStack();
  const request = (help: string): Uint8Array => metricsRequest(resourceMetrics({}, [sum('io', [numberPoint({ timeMs: NOW_MS, value: 1 })], { unit: 'By', description: help }), gauge('temp', [numberPoint({ timeMs: NOW_MS, value: 1 })], { unit: 'Cel' })]));
  await stack.write(request('Bytes moved.'));
  await stack.write(request('Bytes moved.'));
  expect(stack.shards.calls.get('noteMetadata')).toBe(1);
  await stack.write(request('Bytes moved about.'));
  expect(stack.shards.calls.get('noteMetadata')).toBe(2);
});

describe('metadata of a request that is given up comes with the next one', () => {
  const request = (value: number): number[] => resourceMetrics({}, [gauge('g', [numberPoint({ timeMs: NOW_MS + value, value })], { description: 'help' })]);
  const noted = (stack: OtlpStack): number | undefined => stack.shards.calls.get('noteMetadata');

  test('which cannot be decoded to its end', async () => {
    const stack = new OtlpStack();
    await expect(stack.write(Uint8Array.from([...metricsRequest(request(1)), 10, 5]))).rejects.toMatchObject({ kind: 'bad-data' });
    await stack.write(metricsRequest(request(1)));
    expect(noted(stack)).toBe(1);
  });

  test('which there is no memory for', async () => {
    const stack = new OtlpStack();
    const full: HeldMemory = { hold: () => { throw new VarveError('overloaded', 'full'); }, drop: () => {} };
    await expect(stack.write(metricsRequest(request(1)), 'protobuf', full)).rejects.toMatchObject({ kind: 'overloaded' });
    expect(noted(stack)).toBeUndefined();
    for (let i = 1; i < 3; i++) await stack.write(metricsRequest(request(i)));
    expect(noted(stack)).toBe(1);
  });

  test('whose client hung up while it was being noted', async () => {
    const stack = new OtlpStack();
    // Such a request stops where it is, and nothing of it ever runs again.
    const stopped = { ...(await stack.tenant()), catalog: () => new Promise<never>(() => {}) };
    void stack.door.write(stopped, () => metricsRequest(request(1)), 'protobuf');
    await stack.write(metricsRequest(request(2)));
    expect(noted(stack)).toBeUndefined();
    stack.clock.advance(LIMITS.requestMemoryMsMax);
    for (let i = 3; i < 5; i++) await stack.write(metricsRequest(request(i)));
    expect(noted(stack)).toBe(1);
  });

  test('which a shard refused while it was being noted: it is noted before the answer', async () => {
    const stack = new OtlpStack();
    const tenant = await stack.tenant();
    let isNoted = false;
    const catalog: TenantShards['catalog'] = async (body) => {
      const answer = await tenant.catalog(body);
      await new Promise((turn) => setImmediate(turn));
      isNoted = true;
      return answer;
    };
    const busy = { ...tenant, catalog, call: () => Promise.reject(new VarveError('overloaded', 'busy')) };
    await expect(stack.door.write(busy, () => metricsRequest(request(1)), 'protobuf')).rejects.toMatchObject({ kind: 'overloaded' });
    expect(isNoted).toBe(true);
  });

  test('whose tenant may not send more now', async () => {
    const stack = new OtlpStack({ tenantLimits: '{"*":{"samplesPerRequestMax":1}}' });
    await expect(stack.write(metricsRequest(request(1), request(2)))).rejects.toMatchObject({ kind: 'too-large' });
    await stack.write(metricsRequest(request(1)));
    expect(noted(stack)).toBe(1);
  });
});

test('target_info goes on in another batch where one is full', async () => {
  const stack = new OtlpStack({ limits: limitsWith({ batchSamplesMax: 10 }) });
  const points = Array.from({ length: 9 }, (_, i) => numberPoint({ timeMs: NOW_MS - i * 1_000_000, value: i, attributes: { i: String(i) } }));
  const outcome = await stack.write(metricsRequest(resourceMetrics(SERVICE, [gauge('g', points)]), resourceMetrics({ ...SERVICE, zone: 'z' }, [gauge('h', points)])));
  expect(outcome.rejections.reasons()).toBe('');
  const target = stack.stored().find((line) => line.startsWith('target_info'))!;
  expect(target.match(/=1/g)).toHaveLength(Math.ceil(8_000_000 / (LIMITS.lookbackMs / 2)) + 1);
  expect(stack.stored()).toHaveLength(19);
});
