import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { QuerySlots, withQuerySlot } from '../../query/query-slots.ts';
import { setAccess } from '../../query/tenant.ts';
import { SCOPES, type Grant } from '../../storage/access/access.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { DEFAULT_TENANT_LIMITS } from '../../storage/runtime/tenant-limits.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { nodeApp } from '../fakes/node-app.ts';

const NOON = Date.UTC(2024, 0, 14, 12);

/** Sleep on a clock that lets others run. */
function turning(clock: FixedClock): FixedClock['sleep'] {
  return async (durationMs) => {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(durationMs);
  };
}

function slotsOf(queriesAtOnceMax: number, limits = LIMITS) {
  const clock = new FixedClock(NOON);
  clock.sleep = turning(clock);
  const counters = new Counters();
  const slots = new QuerySlots(() => ({ ...DEFAULT_TENANT_LIMITS, queriesAtOnceMax }), limits, clock, counters);
  const count = (name: string) => counters.samples().find((sample) => sample.name === name)?.value ?? 0;
  return { slots, clock, count };
}

const living = (): AbortSignal => new AbortController().signal;

describe('slots of queries', () => {
  test('one over the limit waits until another is done, and other tenants do not', async () => {
    const { slots, count } = slotsOf(2);
    const [first] = [await slots.take('a', living()), await slots.take('a', living())];
    const order: string[] = [];
    const third = slots.take('a', living()).then((free) => (order.push('third'), free));
    await slots.take('b', living()).then(() => order.push('other tenant'));
    await new Promise((resolve) => setImmediate(resolve));
    first();
    first();
    (await third)();
    expect(order).toEqual(['other tenant', 'third']);
    expect([count('varve_query_waits_total'), count('varve_query_refusals_total')]).toEqual([1, 0]);
  });

  test('one that waits too long is refused, with the name of the limit and when to come again', async () => {
    const { slots, clock, count } = slotsOf(1);
    await slots.take('a', living());
    await expect(slots.take('a', living())).rejects.toMatchObject({
      kind: 'timeout', retryAfterSeconds: 1, message: 'query timed out in query queue (querySlotWaitMsMax is 10000 ms): 1 queries of the tenant are being answered and 1 wait, the limit queriesAtOnceMax is 1; try again in 1 s',
    });
    expect(clock.nowMs() - NOON).toBe(LIMITS.querySlotWaitMsMax);
    expect(count('varve_query_refusals_total')).toBe(1);
  });

  test('when too many wait, the next one is refused at once', async () => {
    const { slots, clock } = slotsOf(1, { ...LIMITS, queriesWaitingMax: 2 } as unknown as typeof LIMITS);
    await slots.take('a', living());
    const waiting = [slots.take('a', living()), slots.take('a', living())];
    await expect(slots.take('a', living())).rejects.toThrow('1 queries of the tenant are being answered and 2 wait');
    expect(clock.nowMs()).toBe(NOON);
    await Promise.allSettled(waiting);
  });

  test('who hangs up gives the slot back, also where nothing else runs for it; and a forgotten slot is taken away', async () => {
    const { slots, clock } = slotsOf(1);
    const gone = new AbortController();
    await slots.take('a', gone.signal);
    gone.abort();
    await slots.take('a', living());
    expect(clock.nowMs()).toBe(NOON);
    clock.advance(LIMITS.queryAnswerMsMax);
    await slots.take('a', living());
    const waiter = new AbortController();
    const waiting = slots.take('a', waiter.signal);
    waiter.abort(new Error('hung up'));
    await expect(waiting).rejects.toThrow('hung up');
  });

  test('a forgotten slot is taken away where the clock is set back, too', async () => {
    const { slots, clock } = slotsOf(1);
    await slots.take('a', living());
    clock.advance(-24 * 3_600_000);
    const next = slots.take('a', living());
    await expect(Promise.race([next, new Promise((resolve) => setImmediate(() => resolve('waits')))])).resolves.toBeTypeOf('function');
  });

  test('a slot is kept where the clock takes a small step back', async () => {
    const { slots, clock } = slotsOf(1);
    await slots.take('a', living());
    clock.advance(-LIMITS.clockStepBackMsMax);
    const started = clock.nowMs();
    await expect(slots.take('a', living())).rejects.toMatchObject({ kind: 'timeout' });
    expect(clock.nowMs() - started).toBe(LIMITS.querySlotWaitMsMax);
  });

  test('who waits where the clock is set back, and finds that another has taken the place, waits no day for it', async () => {
    const { slots, clock } = slotsOf(1);
    await slots.take('a', living());
    let wakes = (): void => {};
    clock.sleep = () => new Promise((resolve) => (wakes = resolve));
    const waiting = slots.take('a', living());
    clock.advance(-24 * 3_600_000);
    await slots.take('a', living());
    wakes();
    await expect(Promise.race([waiting, new Promise((resolve) => setImmediate(() => resolve('waits')))])).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('of many tenants those are forgotten whose clients have all hung up, when another one comes', async () => {
    const { slots } = slotsOf(1);
    const gone = new AbortController();
    await slots.take('stays', living());
    for (let i = 0; i < 999; i++) await slots.take(`leaves ${i}`, gone.signal);
    gone.abort();
    expect(slots.tenantCount).toBe(1000);
    const free = await slots.take('comes', living());
    expect(slots.tenantCount).toBe(2);
    free();
    expect(slots.tenantCount).toBe(1);
  });

  test('who hangs up while waiting, and neither wakes nor is told, is not counted for longer than anybody may wait', async () => {
    const { slots, clock } = slotsOf(1, { ...LIMITS, queriesWaitingMax: 3 } as unknown as typeof LIMITS);
    await slots.take('a', living());
    clock.sleep = () => new Promise(() => {});
    for (let i = 0; i < 3; i++) void slots.take('a', living());
    await new Promise((resolve) => setImmediate(resolve));
    clock.sleep = turning(clock);
    await expect(slots.take('a', living())).rejects.toMatchObject({ kind: 'overloaded', retryAfterSeconds: 1, message: expect.stringMatching(/^1 queries of the tenant are being answered and 3 wait/) });
    clock.advance(LIMITS.querySlotWaitMsMax * 2 + 1);
    await expect(slots.take('a', living())).rejects.toThrow('1 queries of the tenant are being answered and 1 wait');
  });

  test('those who wait do not look at each other', async () => {
    const { slots } = slotsOf(1, { ...LIMITS, querySlotWaitMsMax: 1000 } as unknown as typeof LIMITS);
    await slots.take('a', living());
    let looks = 0;
    const watched = (): AbortSignal => Object.defineProperty(living(), 'aborted', { get: () => (looks++, false) });
    await Promise.allSettled(Array.from({ length: 100 }, () => slots.take('a', watched())));
    // 100 who come find up to 99 before them; all of them together then wake a hundred times, and look at their own.
    expect(looks).toBeLessThanOrEqual((100 * 99) / 2 + 100);
  });

  test('one that is told while it waits leaves the queue at once', async () => {
    const { slots, clock } = slotsOf(1, { ...LIMITS, queriesWaitingMax: 1 } as unknown as typeof LIMITS);
    await slots.take('a', living());
    const waiter = new AbortController();
    clock.sleep = () => new Promise(() => {});
    void slots.take('a', waiter.signal);
    await expect(slots.take('a', living())).rejects.toThrow('1 wait');
    waiter.abort();
    clock.sleep = turning(clock);
    await expect(slots.take('a', living())).rejects.toThrow('query timed out in query queue');
  });
});

test('over HTTP: many at once are all answered, one at a time; what fails frees its slot', async () => {
  const { app, clock } = nodeApp({ VARVE_OPEN: 'loopback', VARVE_TENANT_LIMITS: '{"*":{"queriesAtOnceMax":1}}' });
  clock.sleep = turning(clock);
  const ask = async (path: string): Promise<number> => (await app.request(`http://127.0.0.1/api/v1/${path}`)).status;
  const paths = ['query?query=1', 'query?query=(', 'labels', 'series?match[]=up', 'series', 'label/a/values', 'query_exemplars?query=up', 'status/tsdb'];
  const statuses = await Promise.all([...paths, ...paths].map(ask));
  expect(statuses).toEqual([...Array(2)].flatMap(() => [200, 400, 200, 200, 400, 200, 200, 200]));
  expect(await ask('query?query=1')).toBe(200);
  // All but the first had to wait: each of these routes is bounded.
  const metrics = await (await app.request('http://127.0.0.1/metrics')).text();
  expect(metrics).toContain(`varve_query_waits_total ${paths.length * 2 - 1}\n`);
  expect(metrics).toContain('varve_query_refusals_total 0\n');
});

describe('a streamed answer', () => {
  const BASE = 'http://127.0.0.1/api/v1';

  /** An app of one slot with an answer that does not leave in one piece. */
  async function streaming() {
    const { app, clock } = nodeApp({ VARVE_OPEN: 'loopback', VARVE_TENANT_LIMITS: '{"*":{"queriesAtOnceMax":1}}' });
    clock.sleep = turning(clock);
    const body = Array.from({ length: 12_000 }, (_, i) => `m{pod="${String(i).padStart(60, 'p')}"} 1\n`).join('');
    expect((await app.request(`${BASE}/import/prometheus`, { method: 'POST', body })).status).toBe(204);
    const begin = async (init: RequestInit = {}): Promise<Response> => app.request(`${BASE}/series?match[]=m`, init);
    const next = async (): Promise<number> => (await app.request(`${BASE}/query?query=1`)).status;
    return { begin, next };
  }

  test('keeps its slot until it has left, whole and unchanged', async () => {
    const { begin, next } = await streaming();
    const answer = await begin();
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-length')]).toEqual([200, 'application/json', null]);
    expect(await next()).toBe(503);
    const { data } = (await answer.json()) as { readonly data: readonly unknown[] };
    expect(data).toHaveLength(12_000);
    expect(await next()).toBe(200);
  });

  test('gives it back when nobody wants the rest', async () => {
    const { begin, next } = await streaming();
    const reader = (await begin()).body!.getReader();
    await reader.read();
    expect(await next()).toBe(503);
    await reader.cancel();
    expect(await next()).toBe(200);
    const hangUp = new AbortController();
    await begin({ signal: hangUp.signal });
    expect(await next()).toBe(503);
    hangUp.abort();
    expect(await next()).toBe(200);
    expect((await begin({ method: 'HEAD' })).status).toBe(200);
    expect(await next()).toBe(200);
  });

  test('has what the query has left of its time', async () => {
    const { slots, clock } = slotsOf(1);
    const grant: Grant = { tenant: 'a', scopes: SCOPES, matchers: [], holder: 'a test' };
    const app = new Hono();
    app.use((context, next) => {
      setAccess(context, { tenant: 'a', isTenantNamed: true, grant });
      return next();
    });
    app.use(withQuerySlot(slots, LIMITS.queryAnswerMsMax, clock));
    app.get('/api/v1/series', () => {
      clock.advance(LIMITS.queryAnswerMsMax - 20);
      return new Response(new ReadableStream());
    });
    await expect((await app.request('/api/v1/series')).text()).rejects.toThrow('queryAnswerMsMax');
    const nowMs = clock.nowMs();
    await slots.take('a', living());
    expect(clock.nowMs()).toBe(nowMs);
  });
});
