import type { AnswerSeries } from '../../bench/prometheus-api.ts';

/** A histogram as the HTTP API writes it: buckets are kind of bounds, lower and upper bound, count. */
interface ApiHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [bounds: number, lower: string, upper: string, count: string])[];
}

type ApiHistogramPoint = readonly [timestampSeconds: number, histogram: ApiHistogram];

interface ApiData {
  readonly resultType: string;
  readonly result?: unknown;
}

interface ApiHistogramSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly histogram?: ApiHistogramPoint;
  readonly histograms?: readonly ApiHistogramPoint[];
}

/** The histograms of an answer, each as series of floats, so that they are compared as floats are. */
export function histogramSeries({ result }: ApiData): AnswerSeries[] {
  if (!Array.isArray(result)) return [];
  return result.flatMap((series: ApiHistogramSeries) => {
    if (typeof series !== 'object') return [];
    const points = series.histograms ?? (series.histogram === undefined ? [] : [series.histogram]);
    const columns = new Map<string, [number, number][]>();
    const add = (name: string, timestampSeconds: number, text: string): void => {
      const column = columns.get(name);
      const point: [number, number] = [timestampSeconds, numberOf(text)];
      if (column === undefined) columns.set(name, [point]);
      else column.push(point);
    };
    for (const [timestampSeconds, { count, sum, buckets = [] }] of points) {
      add('count', timestampSeconds, count);
      add('sum', timestampSeconds, sum);
      for (const [bounds, lower, upper, bucketCount] of buckets) add(`bucket ${bounds} ${lower} ${upper}`, timestampSeconds, bucketCount);
    }
    const key = JSON.stringify(Object.entries(series.metric).sort(([a], [b]) => (a < b ? -1 : 1)));
    return [...columns].map(([name, column]) => ({ key: `${key} ${name}`, points: column }));
  });
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}
