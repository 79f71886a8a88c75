type LabelPairs = Readonly<Record<string, string>>;

/** Upper bounds (seconds) of the buckets of durations: from an answer out of memory to one that runs into its time limit. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120];
/** As every Prometheus names them after a scrape, whichever it is that scrapes. */
const DURATION_BOUND_TEXTS = DURATION_BOUNDS.map((bound) => (Number.isInteger(bound) ? `${bound}.0` : String(bound)));

/** A sample to expose: counters end in `_total`, those of a histogram in `_bucket`, `_sum` and `_count`. */
export interface MetricSample {
  readonly name: string;
  readonly labels: LabelPairs;
  readonly value: number;
}

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/**
 * Counters of one isolate, and a few gauges. Isolates come and go, so these restart without notice, as counters may; what must not be forgotten is counted
 * in the objects.
 */
export class Counters {
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, DurationHistogram>();
  readonly #gauges: Gauge[] = [];

  add(name: string, labels: LabelPairs, amount: number): void {
    const key = keyOf(name, labels);
    const counter = this.#counters.get(key);
    if (counter === undefined) this.#counters.set(key, { name, labels, value: amount });
    else counter.value += amount;
  }

  /** Shows a counter from now on, at 0 unless it has counted: whoever subtracts from it would miss what comes with its first sample. */
  declare(name: string, labels: LabelPairs): void {
    this.add(name, labels, 0);
  }

  /** Shows a gauge from now on, which is read when somebody asks. */
  measure(name: string, labels: LabelPairs, read: () => number): void {
    this.#gauges.push({ name, labels, read });
  }

  /** Counts a duration (seconds) in a histogram. Every request does: nothing is made for it here but its key. */
  observe(name: string, labels: LabelPairs, seconds: number): void {
    const key = keyOf(name, labels);
    let histogram = this.#histograms.get(key);
    if (histogram === undefined) this.#histograms.set(key, (histogram = { name, labels, counts: new Float64Array(DURATION_BOUNDS.length + 1), sum: 0 }));
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && seconds > DURATION_BOUNDS[bucket]!) bucket++;
    histogram.counts[bucket]!++;
    histogram.sum += seconds;
  }

  samples(): MetricSample[] {
    const counters = Array.from(this.#counters.values(), (counter): MetricSample => ({ ...counter }));
    const gauges = this.#gauges.map(({ name, labels, read }): MetricSample => ({ name, labels, value: read() }));
    return [...counters, ...gauges, ...Array.from(this.#histograms.values(), histogramSamples).flat()];
  }
}

interface Counter {
  readonly name: string;
  readonly labels: LabelPairs;
  value: number;
}

interface Gauge {
  readonly name: string;
  readonly labels: LabelPairs;
  readonly read: () => number;
}

interface DurationHistogram {
  readonly name: string;
  readonly labels: LabelPairs;
  /** Durations in each bucket alone; the last one has no bound. */
  readonly counts: Float64Array;
  sum: number;
}

function keyOf(name: string, labels: LabelPairs): string {
  let key = name;
  for (const label in labels) key += `\n${label}\n${labels[label]!}`;
  return key;
}

/** Buckets of nothing are there too: what is not yet there cannot be subtracted from. */
function histogramSamples({ name, labels, counts, sum }: DurationHistogram): MetricSample[] {
  let count = 0;
  const buckets = Array.from(counts, (inBucket, bucket) => {
    count += inBucket;
    return { name: `${name}_bucket`, labels: { ...labels, le: bucket < DURATION_BOUNDS.length ? DURATION_BOUND_TEXTS[bucket]! : '+Inf' }, value: count };
  });
  return [...buckets, { name: `${name}_sum`, labels, value: sum }, { name: `${name}_count`, labels, value: count }];
}

/** Prometheus' text exposition format, version 0.0.4. Every sample's name must be among the definitions. */
export function renderMetrics(samples: readonly MetricSample[], definitions: Readonly<Record<string, MetricDefinition>>): string {
  let text = '';
  for (const [name, { type, help }] of Object.entries(definitions)) {
    const names = type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    const ofName = names.flatMap((each) => samples.filter((sample) => sample.name === each));
    if (ofName.length === 0) continue;
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const { name: sampleName, labels, value } of ofName) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`);
      text += `${sampleName}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
    }
  }
  return text;
}

/** A metric as `client_model`'s MetricFamily is written in JSON: what Prometheus' `status/self_metrics` answers. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'COUNTER' | 'GAUGE' | 'HISTOGRAM';
  readonly metric: readonly Readonly<Record<string, unknown>>[];
}

export function metricFamilies(samples: readonly MetricSample[], definitions: Readonly<Record<string, MetricDefinition>>): MetricFamily[] {
  return Object.entries(definitions).flatMap(([name, { type, help }]): MetricFamily[] => {
    const metric = type === 'histogram' ? histogramsOf(name, samples) : samples.filter((sample) => sample.name === name).map(({ labels, value }) => ({ label: pairsOf(labels), [type]: { value } }));
    return metric.length === 0 ? [] : [{ name, help, type: type.toUpperCase() as MetricFamily['type'], metric }];
  });
}

function histogramsOf(name: string, samples: readonly MetricSample[]): Readonly<Record<string, unknown>>[] {
  return samples
    .filter((sample) => sample.name === `${name}_count`)
    .map(({ labels, value: sampleCount }) => {
      const isSame = ({ labels: others }: MetricSample): boolean => Object.entries(labels).every(([label, text]) => others[label] === text);
      const bucket = samples
        .filter((sample) => sample.name === `${name}_bucket` && isSame(sample))
        .map((sample) => ({ cumulativeCount: sample.value, upperBound: sample.labels['le'] }));
      const sampleSum = samples.find((sample) => sample.name === `${name}_sum` && isSame(sample))?.value ?? 0;
      return { label: pairsOf(labels), histogram: { sampleCount, sampleSum, bucket } };
    });
}

function pairsOf(labels: LabelPairs): { name: string; value: string }[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value }));
}
