import { expect, test } from 'vitest';
import { COUNTED_METRIC, type Shape, fleetShape, podShape } from './shapes.ts';
import { ValueGenerator } from './values.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 7);
const pods = podShape({ seed: 1, podCount: 30, scrapeCount: 100, nowMs: NOW_MS });
const fleet = fleetShape({ seed: 1, instanceCount: 100, scrapeCount: 100, nowMs: NOW_MS });

function newestMs(shape: Shape): number {
  return shape.firstScrapeMs + (shape.scrapeCount - 1) * shape.scrapeIntervalMs;
}

test.each([pods, fleet])('the series of $name are all different, with labels in order', ({ series }) => {
  expect(new Set(series.map(({ labels }) => JSON.stringify(labels))).size).toBe(series.length);
  for (const { labels } of series) expect(labels.map(([name]) => name)).toEqual(labels.map(([name]) => name).sort());
});

test('the sizes are those that the benches promise', () => {
  expect(pods.series.length).toBe(3_000);
  expect(pods.series.every(({ labels }) => labels.length === 9)).toBe(true);
  expect(pods.series.some(({ labels }) => labels.some(([, value]) => value === COUNTED_METRIC))).toBe(true);
  expect(fleet.series.length).toBe(4_980);
});

test('the newest scrape is recent and not in the future', () => {
  for (const shape of [pods, fleet]) {
    expect(newestMs(shape)).toBeLessThanOrEqual(NOW_MS);
    expect(newestMs(shape)).toBeGreaterThan(NOW_MS - shape.scrapeIntervalMs);
    expect(shape.firstScrapeMs % shape.scrapeIntervalMs).toBe(0);
  }
});

test('a seed is a load: the same again, another with another', () => {
  const again = podShape({ seed: 1, podCount: 30, scrapeCount: 100, nowMs: NOW_MS });
  const other = podShape({ seed: 2, podCount: 30, scrapeCount: 100, nowMs: NOW_MS });
  expect(again.series).toEqual(pods.series);
  expect(other.series).not.toEqual(pods.series);
});

test('values move as their kind says', () => {
  const generator = new ValueGenerator(fleet.series, 1);
  const violations: string[] = [];
  let movedCount = 0;
  for (let scrape = 0; scrape < 50; scrape++) {
    const before = generator.values.slice();
    generator.advance();
    for (const [index, { kind }] of fleet.series.entries()) {
      const [value, change] = [generator.values[index]!, generator.values[index]! - before[index]!];
      if (change !== 0) movedCount++;
      const isRight = kind === 'constant' ? change === 0 : kind === 'gauge' ? Math.abs(change) < 0.65 : change >= 0;
      const isCumulative = kind !== 'bucket' || value >= generator.values[index - 1]!;
      if (!isRight || !isCumulative) violations.push(`${kind} ${index} moved by ${change} to ${value}`);
    }
  }
  expect(violations).toEqual([]);
  expect(movedCount / (50 * fleet.series.length)).toBeGreaterThan(0.3);
});
