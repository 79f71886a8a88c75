import { Random } from '../random.ts';
import type { Capture, CapturedSeries } from './capture.ts';

const INTERVAL_MS = 15_000;
const SERIES_EACH = 250;

/** The kinds of noise, each with the next value from the last. */
const KINDS: Readonly<Record<string, (last: number, random: Random) => number>> = {
  /** A measurement that wanders, in full precision: temperatures, latencies, ratios. */
  random_walk: (last, random) => last + symmetric(random),
  /** A sum of measured seconds. */
  seconds_sum: (last, random) => last + unit(random) / 100,
  /** Nothing of it can be foretold: eight bytes a value is what it takes. */
  full_precision: (_last, random) => unit(random),
  /** What a sensor says: a random walk in hundredths. */
  two_decimals: (last, random) => Math.round((last + symmetric(random)) * 100) / 100,
};

/** Series that give a codec little to hold on to, a data set for each kind. Timestamps are on time, as those of a scrape are. */
export function noisySeries(options: { seed: number; scrapeCount: number; nowMs: number }): Record<string, Capture> {
  const { seed, scrapeCount, nowMs } = options;
  const random = new Random(seed);
  const firstMs = nowMs - scrapeCount * INTERVAL_MS;
  const timestampsMs = Float64Array.from({ length: scrapeCount }, (_, i) => firstMs + i * INTERVAL_MS);
  return Object.fromEntries(
    Object.entries(KINDS).map(([name, next]) => {
      const series = Array.from({ length: SERIES_EACH }, (_, i): CapturedSeries => {
        let last = 100 * unit(random);
        const values = Float64Array.from({ length: scrapeCount }, () => (last = next(last, random)));
        return { labels: ['__name__', name, 'instance', `host-${i}`], timestampsMs, values };
      });
      return [name, { title: `${SERIES_EACH} series, ${scrapeCount} scrapes ${INTERVAL_MS} ms apart`, intervalMs: INTERVAL_MS, series }];
    }),
  );
}

/** From 0 up to and without 1, with all 53 bits of a double's precision. */
function unit(random: Random): number {
  return (random.below(2 ** 26) * 2 ** 27 + random.below(2 ** 27)) / 2 ** 53;
}

function symmetric(random: Random): number {
  return unit(random) - 0.5;
}
