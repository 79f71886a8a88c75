import { expect, test } from 'vitest';
import { ImportSlots } from '../../ingest/import/import-slots.ts';
import { RequestMemory } from '../../ingest/request-memory.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { limitsWith } from '../fakes/limits-with.ts';

const HOUR_MS = 3_600_000;

/** What becomes of those that come behind a request whose client hung up and that never ended: after some time, and where the clock has been set back. */
test('the slot of an import that is abandoned gets free, also where the clock is set back', async () => {
  const clock = new FixedClock(HOUR_MS * 100);
  const slots = new ImportSlots(clock, limitsWith({ importsAtOnceMax: 1 }));
  await slots.take();
  await expect(slots.take()).rejects.toThrow('importsAtOnceMax');
  clock.advance(LIMITS.importIdleMsMax * 2);
  await slots.take();
  await expect(slots.take()).rejects.toThrow('importsAtOnceMax');
  clock.advance(-HOUR_MS);
  await slots.take();
});

test('the memory of a write request that is abandoned gets free, also where the clock is set back', () => {
  const clock = new FixedClock(HOUR_MS * 100);
  const memory = new RequestMemory(clock, limitsWith({ requestMemoryBytesMax: 1000, requestMemoryTenantBytesMax: 1000 }), new Counters());
  memory.begin('a').hold(900);
  expect(() => memory.begin('b').hold(900)).toThrow(VarveError);
  clock.advance(LIMITS.requestMemoryMsMax);
  memory.begin('b').hold(900);
  expect(() => memory.begin('c').hold(900)).toThrow(VarveError);
  clock.advance(-HOUR_MS);
  memory.begin('c').hold(900);
});

test('what is under way is kept where the clock takes a small step back', async () => {
  const clock = new FixedClock(HOUR_MS * 100);
  const slots = new ImportSlots(clock, limitsWith({ importsAtOnceMax: 1 }));
  const memory = new RequestMemory(clock, limitsWith({ requestMemoryBytesMax: 1000, requestMemoryTenantBytesMax: 1000 }), new Counters());
  await slots.take();
  const holding = memory.begin('a');
  holding.hold(900);
  clock.advance(-LIMITS.clockStepBackMsMax);
  await expect(slots.take()).rejects.toThrow('importsAtOnceMax');
  clock.advance(-LIMITS.importSlotWaitMsMax);
  expect(() => memory.begin('b').hold(900)).toThrow(VarveError);
  holding.hold(1);
});
