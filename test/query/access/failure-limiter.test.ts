import { describe, expect, test } from 'vitest';
import { FailureLimiter, sourceOf } from '../../../query/access/failure-limiter.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';

describe('where a request came from', () => {
  const source = (address: string) => sourceOf(new Headers({ 'cf-connecting-ip': address }));

  test('is the network of an IPv6 address, however it is written, and the whole of an IPv4 address', () => {
    const one = source('2001:db8:0:0:1:2:3:4');
    for (const address of ['2001:db8::1', '2001:db8::a:1', '2001:db8:0:0::', '2001:db8::5:6:7:8']) expect([address, source(address)]).toEqual([address, one]);
    for (const address of ['2001:db8:1::1', '2001:db8:0:1::1', '2001:db9::1', '::1']) expect(source(address)).not.toBe(one);
    expect(source('::1')).toBe(source('::2:1'));
    expect(source('2001:db8:1:2::')).toBe('2001:db8:1:2');
    expect([source('203.0.113.7'), source('::ffff:203.0.113.7')]).toEqual(['203.0.113.7', '::ffff:203.0.113.7']);
    expect(sourceOf(new Headers())).toBeUndefined();
  });
});

test('many failures shut a source out for a minute, and no longer where the clock is set back', () => {
  const clock = new FixedClock(24 * 3_600_000);
  const limiter = new FailureLimiter(clock);
  for (let i = 0; i < LIMITS.failuresPerMinuteMax; i++) {
    expect(limiter.waitSeconds('a')).toBe(0);
    limiter.add('a');
  }
  expect([limiter.waitSeconds('a'), limiter.waitSeconds('b')]).toEqual([60, 0]);
  clock.advance(-3_600_000);
  expect(limiter.waitSeconds('a')).toBe(0);
});
