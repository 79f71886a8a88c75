import { dropLabels, labelsKey, labelValue, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import type { MetricType } from '../../storage/model/metadata.ts';
import type { ImportSeries } from './import-batches.ts';

/** A sample of a point, with what belongs to its line. */
export interface PointSample {
  readonly series: ImportSeries;
  readonly timestampMs: number;
  readonly value: number;
  readonly exemplar: { readonly labels: Labels; readonly timestampMs: number; readonly value: number } | undefined;
}

/** Kinds of metrics whose points have a `_created` line, and the labels that tell the samples of one point apart. */
const APART: Readonly<Partial<Record<MetricType, ReadonlySet<string>>>> = {
  counter: new Set([METRIC_NAME]),
  histogram: new Set([METRIC_NAME, 'le']),
  summary: new Set([METRIC_NAME, 'quantile']),
};

/**
 * OpenMetrics says when a counter, histogram or summary began to count in a line of its own, `name_created`, among the lines of the same
 * point (OpenMetrics 1.0, "Counter"). Here the samples of a point wait for it, and get it as their start timestamp. Points whose lines do
 * not stand together, as they must, get none.
 */
export class StartedPoints {
  readonly #samplesMax: number;
  readonly #emit: (sample: PointSample, startMs: number) => void;
  readonly #keys = new WeakMap<Labels, string>();
  #family = '';
  #apart: ReadonlySet<string> | undefined;
  #point = '';
  #waiting: PointSample[] = [];
  #created: PointSample | undefined;
  #isCreatedUsed = false;

  /** More than `samplesMax` samples of a point do not wait. */
  constructor(samplesMax: number, emit: (sample: PointSample, startMs: number) => void) {
    this.#samplesMax = samplesMax;
    this.#emit = emit;
  }

  /** The lines that follow are of this family, as its TYPE line has it. */
  beginFamily(family: string, type: MetricType): void {
    this.flush();
    this.#family = family;
    this.#apart = APART[type];
  }

  add(sample: PointSample): void {
    const name = this.#apart === undefined ? '' : labelValue(sample.series.labels, METRIC_NAME);
    if (this.#apart === undefined || !name.startsWith(this.#family)) {
      this.flush();
      this.#emit(sample, 0);
      return;
    }
    const point = `${sample.timestampMs} ${this.#keyOf(sample.series.labels, this.#apart)}`;
    if (point !== this.#point) this.flush();
    this.#point = point;
    if (name === `${this.#family}_created`) {
      // A second one for the same point is an ordinary sample.
      if (this.#created !== undefined) this.#emit(sample, 0);
      else this.#created = sample;
    } else {
      this.#waiting.push(sample);
      if (this.#waiting.length >= this.#samplesMax) this.#release();
    }
  }

  /** Lets go what waits. */
  flush(): void {
    this.#release();
    // A start without anything that has started is kept as what it is, a sample.
    if (this.#created !== undefined && !this.#isCreatedUsed) this.#emit(this.#created, 0);
    this.#created = undefined;
    this.#isCreatedUsed = false;
    this.#point = '';
  }

  #release(): void {
    const startMs = this.#created === undefined ? 0 : Math.round(this.#created.value * 1000);
    this.#isCreatedUsed ||= this.#waiting.length > 0;
    for (const sample of this.#waiting) this.#emit(sample, startMs);
    this.#waiting.length = 0;
  }

  #keyOf(labels: Labels, apart: ReadonlySet<string>): string {
    let key = this.#keys.get(labels);
    if (key === undefined) this.#keys.set(labels, (key = labelsKey(dropLabels(labels, apart))));
    return key;
  }
}
