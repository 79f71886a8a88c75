import { expect, test } from 'vitest';
import { TIMESTAMP_MS_MAX } from '../../../../storage/chunk/timestamps.ts';
import { LogTimes } from '../../../../storage/shard/log/log-times.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

const DAY_MS = 86_400_000;

/** Beside an array of numbers, through whatever happens to a log. */
class Both {
  readonly times = new LogTimes(4);
  wanted: number[] = [];
  #room = 4;

  append(...timestampsMs: number[]): void {
    const length = this.wanted.length + timestampsMs.length;
    if (length > this.#room) this.times.reserve((this.#room = length * 2));
    // Columns may be longer than the batch.
    this.times.append(Float64Array.from([...timestampsMs, NaN]), timestampsMs.length, this.wanted.length);
    this.wanted.push(...timestampsMs);
  }

  dropFirst(count: number): void {
    const left = this.wanted.slice(count);
    if (left.length > 0) this.times.dropFirst(count, this.wanted.length, Math.min(...left), Math.max(...left));
    this.wanted = left;
  }

  check(): void {
    expect(this.wanted.map((_, entry) => this.times.at(entry))).toEqual(this.wanted);
  }
}

test('times near each other, and those out of reach of an offset, on either side and at the edges', () => {
  for (const far of [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 400 * DAY_MS, TIMESTAMP_MS_MAX, -TIMESTAMP_MS_MAX]) {
    const both = new Both();
    both.append(0, 15_000, -15_000);
    both.append(7, far, 8);
    both.check();
    both.append(9, 10, 11, 12, 13);
    both.check();
    // What was far away is gone, then comes again; an empty log begins anew.
    both.dropFirst(5);
    both.check();
    both.append(far, 1);
    both.check();
    both.dropFirst(both.wanted.length);
    both.append(far, far + 1);
    both.check();
  }
});

test('a log that lives for years moves along', () => {
  const both = new Both();
  for (let day = 0; day < 800; day++) {
    both.append(day * DAY_MS, day * DAY_MS + 1);
    if (both.wanted.length > 20) both.dropFirst(18);
  }
  both.check();
});

test('at random', () => {
  const random = new SeededRandom(3);
  for (let round = 0; round < 200; round++) {
    const both = new Both();
    const spread = random.pick([1_000, 40 * DAY_MS, 4_000 * DAY_MS]);
    for (let step = 0; step < 12; step++) {
      if (random.oneIn(3)) both.dropFirst(random.below(both.wanted.length + 1));
      else both.append(...Array.from({ length: random.between(1, 9) }, () => Math.floor((random.uint32() / 2 ** 32 - 0.5) * spread)));
      both.check();
    }
  }
});
