import type { SeededRandom } from '../../fakes/seeded-random.ts';
import {
  exemplar,
  exponentialHistogram,
  exponentialPoint,
  gauge,
  histogram,
  histogramPoint,
  metricsRequest,
  numberPoint,
  resourceMetrics,
  sum,
  summary,
  summaryPoint,
  type AttributeValue,
} from '../../proto/otlp-fields.ts';
import { bytesField } from '../../proto/protobuf-fields.ts';
import { NOW_MS } from './otlp-stack.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

const BOUNDS: readonly (readonly number[])[] = [[], [1], [0], [-0], [-1, 0, 1], [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1], [1, 2, Infinity], [Infinity], [2, 1], [NaN], Array.from({ length: 50 }, (_, i) => 2 ** i), [1e-300, 1e300]];
const QUANTILES: readonly (readonly number[])[] = [[], [0.5], [0, 0.5, 1], [0.5, 0.5], [NaN], [-0, 0], [Infinity]];
const ATTRIBUTES: readonly Attributes[] = [
  {},
  { a: '1' },
  { a: '2' },
  { a: '12345678' },
  { b: 'x'.repeat(40), 'http.route': '/' },
  { le: '0.5' },
  { le: '', quantile: 'q' },
  { quantile: '0.5', Zone: 'z' },
  { 'a.b': 'one', a_b: 'two' },
  { __name__: 'other', __replica__: 'r' },
  { n: 0n, f: 0.5, ok: true, list: ['x', 2n], bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0) },
  { long: 'l'.repeat(60) },
  { '': 'no name' },
  Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`k${i}`, `v${i}`])),
  Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, `v${i}`])),
];
const RESOURCES: readonly Attributes[] = [{}, { 'service.name': 's', 'service.instance.id': '1', host: 'h' }, { 'service.name': 's', 'service.instance.id': '2', host: 'h' }, { host: 'h' }, { 'service.name': 's', long: 'l'.repeat(60) }];
const NAMES = ['m', 'http.server.duration', 'm_total', '', 'x'.repeat(45)];

/** A request of all kinds of points out of a small stock of everything, so that much of it comes again, in the same place or another. */
export function randomMessage(random: SeededRandom): Uint8Array {
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: random.below(most + 1) }, make);
  return metricsRequest(...some(3, () => resourceMetrics(random.pick(RESOURCES), some(4, () => randomMetric(random)), random.oneIn(2) ? {} : { name: random.pick(['lib', 'Lib']), schemaUrl: random.pick(['', 'u']) })));
}

function randomMetric(random: SeededRandom): number[] {
  const name = random.pick(NAMES);
  const texts = { unit: random.pick(['', 's', '1']), description: random.pick(['', 'd']), temporality: random.pick([0, 1, 2, 2, 2]), isMonotonic: random.oneIn(2) };
  const points = (make: (at: ReturnType<typeof pointOf>) => number[]): number[][] => Array.from({ length: random.below(6) }, () => scattered(make(pointOf(random)), random));
  const count = (): number => random.below(1000);
  switch (random.below(5)) {
    case 0:
      return gauge(name, points((at) => numberPoint({ ...at, value: count() })), texts);
    case 1:
      return sum(name, points((at) => numberPoint({ ...at, value: BigInt(count()) })), texts);
    case 2:
      return summary(name, points((at) => summaryPoint({ ...at, count: count(), sum: count(), quantiles: random.pick(QUANTILES).map((quantile) => [quantile, count()] as const) })), texts);
    case 3:
      return exponentialHistogram(name, points((at) => exponentialPoint({ ...at, count: 10, sum: 1, scale: random.between(-1, 10), positive: { offset: random.between(-5, 5), counts: [1, 0, 0, 0, 9] } })), texts);
    default:
      return histogram(name, points((at) => {
        const bounds = random.pick(BOUNDS);
        const counts = random.oneIn(5) ? [] : bounds.map(count).concat(random.oneIn(20) ? [] : [count()]);
        return histogramPoint({ ...at, count: count(), ...(random.oneIn(3) ? {} : { sum: count() }), counts, bounds });
      }), texts);
  }
}

function pointOf(random: SeededRandom): { timeMs: number; startMs: number; attributes: Attributes; flags: number; exemplars: number[][] } {
  return {
    timeMs: NOW_MS + random.below(3) * 1000 - (random.oneIn(20) ? 86_500_000 : 0),
    startMs: NOW_MS - random.below(2) * 1000,
    attributes: random.pick(ATTRIBUTES),
    flags: random.oneIn(8) ? 1 : 0,
    exemplars: random.oneIn(6) ? [exemplar({ value: random.below(3), attributes: { user: 'u' } })] : [],
  };
}

/** The point with an unknown field in front, so that its attributes are not where others have them; now and then. */
function scattered(point: number[], random: SeededRandom): number[] {
  return random.oneIn(10) ? [...bytesField(20, 'x'), ...point] : point;
}
