import { expect, test } from 'vitest';
import { ChangeStreamSlots } from '../../query/change-stream-slots.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';

const LIMITS = { changeStreamsAtOnceMax: 3, changeStreamsOfTenantMax: 2, changeStreamMsMax: 1000 };

function slotsOf() {
  const clock = new FixedClock(0);
  const slots = new ChangeStreamSlots(LIMITS, clock, new Counters());
  return { clock, take: (tenant: string, signal = new AbortController().signal) => slots.take(tenant, signal) };
}

test('a tenant cannot take all places, and all tenants together have no more than there are', () => {
  const { take } = slotsOf();
  take('a');
  const free = take('a');
  expect(() => take('a')).toThrow("2 of the tenant's streams of the change feed are open, the limit changeStreamsOfTenantMax is 2; try again in 5 s");
  take('b');
  expect(() => take('c')).toThrow('3 streams of the change feed are open, the limit changeStreamsAtOnceMax is 3; try again in 5 s');
  free();
  free();
  take('c');
  expect(() => take('b')).toThrow('changeStreamsAtOnceMax');
});

test('places of clients that have gone, or of streams that must have ended, are taken away by who comes next', () => {
  const { clock, take } = slotsOf();
  const gone = new AbortController();
  take('a', gone.signal);
  take('a');
  gone.abort();
  take('a');
  expect(() => take('a')).toThrow('changeStreamsOfTenantMax');
  // A stream ends when it is changeStreamMsMax old: its place lasts no longer.
  clock.advance(LIMITS.changeStreamMsMax - 1);
  expect(() => take('a')).toThrow('changeStreamsOfTenantMax');
  clock.advance(1);
  take('a');
});
