import { expect, test } from 'vitest';
import { WriteMessagesV2 } from '../../ingest/remote-write/write-messages-v2.ts';
import { SeriesIdColumns } from '../../ingest/series-id-columns.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { v2Request } from '../proto/v2-request.ts';

const NOW_MS = 1_700_000_000_000;
const hashers = Array.from({ length: 40 }, (_, i) => new SeriesHasher(new Uint8Array(16).fill(i)));

/** Of a door whose catalogs do not answer. */
class Unnoted {
  readonly #limits = limitsWith({ metadataUnnotedCharactersMax: 10_000 });
  readonly #clock = new FixedClock(NOW_MS);
  readonly #messages = new WriteMessagesV2(this.#limits, this.#clock, { storesAsSent: true, storedLabels: (labels) => labels }, new CacheBudget(this.#limits, this.#clock, new Counters()));
  readonly #ids = new SeriesIdColumns();

  /** Help texts that wait, behind a request of a tenant's. */
  send(hasher: SeriesHasher, ...helps: string[]): string[] {
    const series = helps.map((help, i) => ({ labels: ['__name__', `m${i}`], samples: [{ value: 1, timestamp: NOW_MS }], metadata: { type: 2, help } }));
    this.#messages.decode(v2Request(...series), hasher, this.#limits);
    this.#messages.lookUpIds(hasher, this.#ids, (_, reason) => {
      throw new Error(reason());
    });
    return this.waiting(hasher);
  }

  waiting(hasher: SeriesHasher): string[] {
    return this.#messages.metadata(hasher).map(({ help }) => help);
  }

  noted(hasher: SeriesHasher): void {
    this.#messages.metadataNoted(hasher, this.#messages.metadata(hasher));
  }
}

test('what waits for catalogs is bounded over all tenants, and comes again with its series', () => {
  const door = new Unnoted();
  const long = 'x'.repeat(900);
  for (let round = 0; round < 3; round++) {
    for (const hasher of hashers) {
      door.send(hasher, long);
      const characters = hashers.flatMap((each) => door.waiting(each)).join('').length;
      expect(characters).toBeLessThan(10_000);
    }
  }
  expect(door.send(hashers[0]!, long)).toEqual([long]);
});

test('a request whose metadata was given up is not known as a whole: it is noted once there is room', () => {
  const door = new Unnoted();
  const helps = Array.from({ length: 6 }, (_, i) => String(i).repeat(1_500));
  // In the middle of the last one of these, what is before it is given up.
  for (let i = 0; i < 2; i++) {
    door.send(hashers[1]!, ...helps);
    door.send(hashers[2]!, ...helps);
  }
  door.noted(hashers[1]!);
  door.noted(hashers[2]!);
  const waiting = new Set(door.send(hashers[1]!, ...helps));
  expect(waiting).toEqual(new Set(helps));
});

test('what has been noted takes no room', () => {
  const door = new Unnoted();
  for (const hasher of hashers) {
    expect(door.send(hasher, 'y'.repeat(900))).toHaveLength(1);
    door.noted(hasher);
  }
  expect(hashers.flatMap((hasher) => door.waiting(hasher))).toEqual([]);
});
