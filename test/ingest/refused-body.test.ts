import { expect, test } from 'vitest';
import { discardBody } from '../../ingest/read-body.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { ManualTimers } from '../fakes/manual-timers.ts';
import { byteStream } from '../fakes/byte-stream.ts';

/** A request whose body begins with these bytes and never ends, and whether it was given up. */
function endless(bytes: Uint8Array): { readonly request: Request; isCancelled: boolean } {
  const sender = { isCancelled: false };
  const body = byteStream({ start: (controller) => controller.enqueue(bytes), cancel: () => void (sender.isCancelled = true) });
  return Object.assign(sender, { request: new Request('http://varve/', { method: 'POST', body, duplex: 'half' } as RequestInit) });
}

test('a refused request whose body does not end is answered in time all the same', async () => {
  const timers = new ManualTimers();
  const sender = endless(new Uint8Array(10));
  let isDone = false;
  const discarded = discardBody(sender.request, 1000, timers.start).then(() => (isDone = true));
  await timers.advance(LIMITS.refusedBodyMsMax - 1);
  expect([isDone, sender.isCancelled]).toEqual([false, false]);
  await timers.advance(1);
  await discarded;
  expect([sender.isCancelled, timers.pendingCount]).toEqual([true, 0]);
});

test('a body that ends, or is too long, leaves no timer behind', async () => {
  const timers = new ManualTimers();
  await discardBody(new Request('http://varve/', { method: 'POST', body: 'x'.repeat(100) }), 1000, timers.start);
  const long = endless(new Uint8Array(1001));
  await discardBody(long.request, 1000, timers.start);
  expect([long.isCancelled, timers.startedCount, timers.pendingCount]).toEqual([true, 2, 0]);
});
