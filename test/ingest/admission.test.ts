import { describe, expect, test } from 'vitest';
import { Admission } from '../../ingest/admission.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { DEFAULT_TENANT_LIMITS } from '../../storage/runtime/tenant-limits.ts';
import { WaitingClock } from '../fakes/waiting-clock.ts';
import { ImportStack, NOW_MS } from './import/import-stack.ts';

const SMALL = { ...DEFAULT_TENANT_LIMITS, samplesPerSecondMax: 100, samplesBurstMax: 1000, seriesPerRequestMax: 50, samplesPerRequestMax: 5000 };

function setup(): { admission: Admission; clock: WaitingClock; send: (samples: number, tenant?: string) => string } {
  const clock = new WaitingClock(0);
  const admission = new Admission((tenant) => (tenant === 'small' ? SMALL : DEFAULT_TENANT_LIMITS), LIMITS, clock);
  const send = (samples: number, tenant = 'small'): string => {
    try {
      admission.admit(tenant, { series: 1, samples });
      return 'admitted';
    } catch (error) {
      const { kind, retryAfterSeconds } = error as { kind: string; retryAfterSeconds: number };
      return `${kind} ${retryAfterSeconds}`;
    }
  };
  return { admission, clock, send };
}

describe('samples per second', () => {
  test('a burst passes, then the rate; the refusal says when to come again, and then it passes', async () => {
    const { clock, send } = setup();
    expect(send(1000)).toBe('admitted');
    expect(send(1)).toBe('limit 1');
    expect(send(250)).toBe('limit 3');
    await clock.advance(2_499);
    expect(send(250)).toBe('limit 1');
    await clock.advance(1);
    expect(send(250)).toBe('admitted');
  });

  test('a refusal takes nothing, and the bucket never holds more than the burst', async () => {
    const { clock, send } = setup();
    send(1000);
    for (let i = 0; i < 100; i++) send(500);
    await clock.advance(5_000);
    expect(send(500)).toBe('admitted');
    await clock.advance(1_000_000);
    expect([send(1000), send(1)]).toEqual(['admitted', 'limit 1']);
  });

  test('more than a burst at once passes when the bucket is full, and is paid off', async () => {
    const { clock, send } = setup();
    expect([send(3000), send(1)]).toEqual(['admitted', 'limit 21']);
    await clock.advance(20_010);
    expect(send(1)).toBe('admitted');
  });

  test('tenants are apart; a clock that goes back gives nothing', async () => {
    const { clock, send } = setup();
    send(1000);
    expect(send(1000, 'other')).toBe('admitted');
    await clock.advance(-60_000);
    expect(send(1)).toBe('limit 1');
    await clock.advance(10);
    expect(send(1)).toBe('admitted');
  });
});

test('series and samples of a request', () => {
  const { admission } = setup();
  expect(() => admission.admit('small', { series: 51, samples: 1 })).toThrow('seriesPerRequestMax is 50');
  expect(() => admission.admit('small', { series: 1, samples: 5001 })).toThrow('samplesPerRequestMax is 5000');
  admission.admit('small', { series: 50, samples: 5000 });
});

describe('an import', () => {
  test('over the rate is slowed down and loses nothing', async () => {
    const stack = new ImportStack({ limitsOf: () => SMALL });
    let isDone = false;
    const outcome = stack.text(Array.from({ length: 3000 }, (_, i) => `a{i="${i}"} 1\n`).join('')).finally(() => (isDone = true));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect([isDone, stack.stored().length]).toEqual([false, 3000]);
    let waitedMs = 0;
    for (; !isDone && waitedMs < 60_000; waitedMs += 500) await stack.clock.advance(500);
    expect((await outcome).stored.samples).toBe(3000);
    expect(waitedMs).toBeGreaterThanOrEqual(19_500);
    expect(waitedMs).toBeLessThan(22_000);
  });

  test("is held to its tenant's limits", async () => {
    const stack = new ImportStack({ limitsOf: () => ({ ...DEFAULT_TENANT_LIMITS, labelsPerSeriesMax: 2, timestampAheadMsMax: 1000, labelValueBytesMax: 5 }) });
    const outcome = await stack.text(`a{b="1"} 1\na{b="1",c="2"} 1\na{b="123456"} 1\na 1 ${NOW_MS + 1001}\n`);
    expect(stack.stored()).toEqual(['a{b="1"} 0=1']);
    expect(outcome.rejections.message(1)).toMatch(/labelsPerSeriesMax is 2.*labelValueBytesMax is 5.*timestampAheadMsMax \(1000 ms\)/);
  });
});
