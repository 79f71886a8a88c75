import type { SeededRandom } from '../../fakes/seeded-random.ts';

/**
 * When the counter of each sample began. Most of the time shortly before the first sample after a reset; now and then it is not known (0),
 * says that every sample stands for itself, as deltas do, or lies where it cannot be.
 */
export function startsOf(random: SeededRandom, timestampsMs: readonly number[], isReset: (index: number) => boolean): number[] {
  let startMs = 0;
  let isDelta = false;
  return timestampsMs.map((timestampMs, index) => {
    const previousMs = timestampsMs[index - 1] ?? timestampMs - 15_000;
    if (random.oneIn(20)) isDelta = !isDelta;
    if (isReset(index) || random.oneIn(30)) startMs = previousMs + random.below(timestampMs - previousMs);
    if (random.oneIn(15)) return 0;
    if (random.oneIn(25)) return random.pick([timestampMs, timestampMs - 1, previousMs, previousMs - 7_000]);
    return isDelta ? previousMs : startMs;
  });
}
