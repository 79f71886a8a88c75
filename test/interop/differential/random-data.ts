import type { WriteRequestSeries } from '../../../proto/encode-write-request.ts';
import { writeStale } from '../../../storage/model/sample.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { BUCKET_BOUNDS, familiesOf, type Family } from './families.ts';
import { startsOf } from './start-timestamps.ts';
import { type DataTimes, type Dialect, JITTER_MS, type Lattice, LATTICES } from './timing.ts';

/**
 * Counters rise by 0.5 to 1.5 of a unit a sample, and are at least three units high at birth and after a reset, of which there is at most one
 * in five samples. A window's first value is then always more than 1.1 mean increments, and the extrapolation to a counter's zero, which has
 * changed since 2.42, never matters.
 */
const COUNTER_UNIT = 64;
const COUNTER_BASE_UNITS = 3;
const RESET_SPACING = 5;

/** One series' scrapes: when, and which of them say that the series is gone. */
export interface Scrapes {
  readonly timestampsMs: readonly number[];
  readonly isStale: readonly boolean[];
}

/** A series to load, perhaps with when its samples began to be counted: 0 where that is not known. */
export interface FloatSeries extends WriteRequestSeries {
  readonly startTimestampsMs: readonly number[] | undefined;
}

/** Everything that is loaded, series by series, each in order. */
export function randomData(random: SeededRandom, times: DataTimes, dialect: Dialect): FloatSeries[] {
  const lattice = LATTICES[dialect];
  return familiesOf(dialect).flatMap((family) => {
    const combinations = combine(Object.entries(family.labels));
    return combinations.flatMap((labels) => {
      // Some combinations do not occur, so that matching finds no partner for them.
      if (combinations.length > 4 && random.oneIn(9)) return [];
      const scrapes = scrapesOf(random, family, times, lattice);
      return family.kind === 'histogram' ? histogram(random, family, labels, scrapes) : [single(random, family, labels, scrapes)];
    });
  });
}

export function combine(labels: readonly (readonly [string, readonly string[]])[]): (readonly string[])[] {
  const [first, ...rest] = labels;
  if (first === undefined) return [[]];
  const [name, values] = first;
  const others = combine(rest);
  return values.flatMap((value) => others.map((other) => [name, value, ...other]));
}

/** All in steps of the lattice. A third of the series begins late or ends early, with a stale marker or by silence; some do both. */
export function scrapesOf(random: SeededRandom, family: Family, times: DataTimes, { stepMs, samplePhaseMs }: Lattice): Scrapes {
  const span = times.endMs - times.startMs;
  const birthMs = times.startMs + (random.oneIn(3) ? random.below(span / 2) : 0);
  const deathMs = times.endMs - (random.oneIn(3) ? random.below(span / 2) : 0);
  const phaseMs = random.below(family.intervalMs / stepMs) * stepMs + samplePhaseMs;
  const timestampsMs: number[] = [];
  const isStale: boolean[] = [];
  const add = (timestampMs: number, stale: boolean): void => {
    timestampsMs.push(timestampMs);
    isStale.push(stale);
  };
  const from = Math.ceil(birthMs / family.intervalMs) * family.intervalMs + phaseMs;
  for (let timeMs = from; timeMs < deathMs; timeMs += family.intervalMs) {
    if (family.gapOneIn > 0 && random.oneIn(family.gapOneIn)) {
      if (!random.oneIn(4)) continue;
      // A longer absence: announced by a stale marker, or not.
      if (random.oneIn(2)) add(timeMs, true);
      timeMs += random.between(2, 20) * family.intervalMs;
      continue;
    }
    const jitterMs = family.isJittery ? random.below(family.intervalMs / JITTER_MS / 10) * JITTER_MS : 0;
    add(timeMs + jitterMs, false);
  }
  if (deathMs < times.endMs && random.oneIn(2)) add(Math.max(from, timestampsMs.at(-1) ?? 0) + family.intervalMs, true);
  return { timestampsMs, isStale };
}

function single(random: SeededRandom, family: Family, labels: readonly string[], scrapes: Scrapes): FloatSeries {
  const values = family.kind === 'counter' ? counterValues(random, family, scrapes) : gaugeValues(random, family, scrapes);
  const isReset = (index: number): boolean => index === 0 || values[index]! < values[index - 1]!;
  return { ...series(family.name, labels, scrapes, values), startTimestampsMs: family.hasStarts ? startsOf(random, scrapes.timestampsMs, isReset) : undefined };
}

/** Buckets, count and sum of one classic histogram: all reset together. */
function histogram(random: SeededRandom, family: Family, labels: readonly string[], scrapes: Scrapes): FloatSeries[] {
  const counts = BUCKET_BOUNDS.map(() => 0);
  const columns = BUCKET_BOUNDS.map((): number[] => []);
  const sums: number[] = [];
  const isUsed = BUCKET_BOUNDS.map(() => !random.oneIn(4));
  isUsed[2] = true;
  let sum = 0;
  const resets = resetsOf(random, scrapes);
  for (const isReset of resets) {
    const base = isReset ? COUNTER_BASE_UNITS : 0;
    if (isReset) {
      counts.fill(0);
      sum = 0;
    }
    // Two observations a scrape, give or take one, in each bucket that is ever filled; after a reset three times as many.
    isUsed.forEach((used, bucket) => {
      const observations = !used ? 0 : isReset ? 2 * base : random.between(1, 3);
      for (let larger = bucket; larger < counts.length; larger++) counts[larger]! += observations;
      sum += observations * (bucket + 1);
    });
    counts.forEach((count, bucket) => columns[bucket]!.push(count));
    sums.push(sum);
  }
  const buckets = BUCKET_BOUNDS.map((bound, index) => series(`${family.name}_bucket`, [...labels, 'le', bound], scrapes, columns[index]!));
  return [...buckets, series(`${family.name}_count`, labels, scrapes, columns.at(-1)!), series(`${family.name}_sum`, labels, scrapes, sums)];
}

/** Which samples begin anew; the first one does. */
function resetsOf(random: SeededRandom, scrapes: Scrapes): boolean[] {
  let last = -Infinity;
  return scrapes.timestampsMs.map((_, index) => {
    const isReset = index === 0 || (index - last >= RESET_SPACING && random.oneIn(25));
    if (isReset) last = index;
    return isReset;
  });
}

function counterValues(random: SeededRandom, family: Family, scrapes: Scrapes): number[] {
  const perUnit = family.isDyadic ? COUNTER_UNIT : COUNTER_UNIT * 0.37;
  const isIdle = random.oneIn(6);
  let value = 0;
  return resetsOf(random, scrapes).map((mayReset, index) => {
    // What does not rise may not be reset either: the pair of values around the reset would be too much alike.
    const isReset = mayReset && (index === 0 || !isIdle);
    const units = isReset ? COUNTER_BASE_UNITS + random.below(COUNTER_UNIT) / COUNTER_UNIT : isIdle ? 0 : random.between(32, 96) / 64;
    value = (isReset ? 0 : value) + units * perUnit;
    return value;
  });
}

const ODD_VALUES = [Number.NaN, Infinity, -Infinity, 0, -0, 1e100, -1e-100];

function gaugeValues(random: SeededRandom, family: Family, scrapes: Scrapes): number[] {
  const scale = family.name === 'small' ? 4 : random.pick([16, 640, 6400]);
  const isSteady = random.oneIn(8);
  let value = random.between(-scale, scale) / 4;
  return scrapes.timestampsMs.map(() => {
    if (family.oddOneIn > 0 && random.oneIn(family.oddOneIn)) return random.pick(ODD_VALUES);
    if (!isSteady && !random.oneIn(5)) value += random.between(-scale, scale) / 16;
    return family.isDyadic ? value : value * 1.1 + 0.01;
  });
}

function series(name: string, labels: readonly string[], { timestampsMs, isStale }: Scrapes, numbers: readonly number[]): FloatSeries {
  const values = Float64Array.from(numbers);
  isStale.forEach((stale, index) => {
    if (stale) writeStale(values, index);
  });
  const pairs = ['__name__', name, ...labels];
  return { labels: sorted(pairs), timestampsMs, values, startTimestampsMs: undefined };
}

/** Prometheus takes labels only in order. */
export function sorted(pairs: readonly string[]): string[] {
  const entries = Array.from({ length: pairs.length / 2 }, (_, index) => [pairs[2 * index]!, pairs[2 * index + 1]!] as const);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).flat();
}
