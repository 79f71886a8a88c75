import { expect, test } from 'vitest';
import type { Alarm } from '../../storage/runtime/alarm.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { randomId, type Random } from '../../storage/runtime/random.ts';
import type { StartTimer } from '../../storage/runtime/timer.ts';

/** What every clock must do. */
export function clockContract(open: () => Clock): void {
  test('Unix milliseconds, whole, that do not run backwards', () => {
    const clock = open();
    const before = clock.nowMs();
    expect(Number.isInteger(before)).toBe(true);
    expect(before).toBeGreaterThan(Date.UTC(2020));
    expect(clock.nowMs()).toBeGreaterThanOrEqual(before);
  });

  test('sleeping takes as long as it says, by both its measures', async () => {
    const clock = open();
    const [nowMs, elapsedMs] = [clock.nowMs(), clock.elapsedMs()];
    await clock.sleep(20);
    // Timers may be a millisecond early by another clock's measure.
    expect(clock.nowMs() - nowMs).toBeGreaterThanOrEqual(19);
    expect(clock.elapsedMs() - elapsedMs).toBeGreaterThanOrEqual(19);
  });
}

/** Timers, and what lets so much time pass for them. */
export interface PassingTimers {
  readonly start: StartTimer;
  pass(durationMs: number): Promise<void>;
}

/** What all timers must do. `within` runs a test where timers may be started. */
export function timersContract(open: () => PassingTimers, within: (body: () => Promise<void>) => Promise<void> = (body) => body()): void {
  test('they ring once, the earlier first, and never before their time', () =>
    within(async () => {
      const { start, pass } = open();
      const rung: string[] = [];
      // By far: a machine that is busy may stop in between for longer than the others take.
      start(500, () => rung.push('late'));
      start(5, () => {
        rung.push('early');
        start(5, () => rung.push('from the early one'));
      });
      expect(rung).toEqual([]);
      for (let passes = 0; rung.length < 2 && passes < 50; passes++) await pass(5);
      expect(rung).toEqual(['early', 'from the early one']);
      await pass(500);
      expect(rung).toEqual(['early', 'from the early one', 'late']);
    }));

  test('who is called off does not ring, and may be called off again, or after it rang', () =>
    within(async () => {
      const { start, pass } = open();
      let rung = 0;
      const stop = start(5, () => rung++);
      stop();
      stop();
      const stopLater = start(5, () => rung++);
      await pass(25);
      expect(rung).toBe(1);
      stopLater();
    }));
}

/** What every source of randomness must do. */
export function randomContract(open: () => Random): void {
  test('the whole of a view is filled, and nothing beside it', () => {
    const bytes = new Uint8Array(4096);
    open().fill(bytes.subarray(1024, 3072));
    expect(bytes.subarray(0, 1024).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(3072).every((byte) => byte === 0)).toBe(true);
    expect(new Set(bytes.subarray(1024, 3072)).size).toBeGreaterThan(200);
    open().fill(new Uint8Array(0));
  });

  test('ids of 128 bits that do not recur', () => {
    const random = open();
    const ids = Array.from({ length: 1000 }, () => randomId(random));
    expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(1000);
  });
}

/** An alarm, and when it is set to ring. */
export interface ObservedAlarm {
  readonly alarm: Alarm;
  ringsAtMs(): Promise<number | undefined>;
}

/** What every alarm must do. `withAlarm` gives one that is not set, far from ringing at the times that the tests use. */
export function alarmContract(withAlarm: (body: (observed: ObservedAlarm) => Promise<void>) => Promise<void>): void {
  const laterMs = Date.UTC(2100);

  test('it rings at the earliest of the times that it was told', () =>
    withAlarm(async ({ alarm, ringsAtMs }) => {
      expect(await ringsAtMs()).toBeUndefined();
      await alarm.setNoLaterThan(laterMs);
      expect(await ringsAtMs()).toBe(laterMs);
      await alarm.setNoLaterThan(laterMs + 1000);
      expect(await ringsAtMs()).toBe(laterMs);
      await alarm.setNoLaterThan(laterMs - 1000);
      expect(await ringsAtMs()).toBe(laterMs - 1000);
    }));
}
