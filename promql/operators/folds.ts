import { unreachable } from '../../storage/runtime/assert.ts';
import { histogramIgnoredInAggregation } from '../annotations.ts';
import type { Annotation } from '../annotations.ts';
import type { Budget } from '../budget.ts';
import { quantileOfFloats } from '../functions/quantile-of-floats.ts';
import type { Aggregate } from '../plan/plan-node.ts';
import { ABSENT, FLOAT, HISTOGRAM } from './step-series.ts';
import type { StepColumns, StepSeries } from './step-series.ts';
import { AverageFold, SumFold } from './sum-folds.ts';

/** The running result of one group over all steps. Series are added one by one; at the end `finish` is called once for each step. */
export interface GroupFold {
  add(series: StepSeries): void;
  finish(out: StepColumns, from: number, to: number): void;
}

export interface FoldContext {
  readonly stepCount: number;
  /** The quantile by step. */
  readonly param: Float64Array | undefined;
  readonly annotate: (annotation: Annotation) => void;
  readonly budget: Budget;
}

/** The fold of one group. */
export function createFold(op: Aggregate['op'], context: FoldContext): GroupFold {
  switch (op) {
    case 'sum':
      return new SumFold(context);
    case 'avg':
      return new AverageFold(context);
    case 'count':
      return new CountFold(context);
    case 'group':
      return new PresenceFold(context);
    case 'min':
      return new ExtremeFold(context, 'min', (value, best) => value < best);
    case 'max':
      return new ExtremeFold(context, 'max', (value, best) => value > best);
    case 'stddev':
      return new VarianceFold(context, 'stddev', Math.sqrt);
    case 'stdvar':
      return new VarianceFold(context, 'stdvar', (variance) => variance);
    case 'quantile':
      return new QuantileFold(context);
    default:
      return unreachable(op);
  }
}

class CountFold implements GroupFold {
  readonly #counts: Float64Array;

  constructor(context: FoldContext) {
    this.#counts = new Float64Array(context.stepCount);
  }

  add(series: StepSeries): void {
    const counts = this.#counts;
    const { present } = series;
    for (let step = 0; step < present.length; step++) if (present[step] !== ABSENT) counts[step]!++;
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) if (this.#counts[step]! > 0) out.setFloat(step, this.#counts[step]!);
  }
}

/** `group`: 1 wherever there is something. */
class PresenceFold implements GroupFold {
  readonly #seen: Uint8Array;

  constructor(context: FoldContext) {
    this.#seen = new Uint8Array(context.stepCount);
  }

  add(series: StepSeries): void {
    for (let step = 0; step < this.#seen.length; step++) if (series.present[step] !== ABSENT) this.#seen[step] = 1;
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) if (this.#seen[step] === 1) out.setFloat(step, 1);
  }
}

/** min and max; NaN only where there is nothing else. */
class ExtremeFold implements GroupFold {
  readonly #context: FoldContext;
  readonly #name: string;
  readonly #beats: (value: number, best: number) => boolean;
  readonly #best: Float64Array;
  readonly #seen: Uint8Array;

  constructor(context: FoldContext, name: string, beats: (value: number, best: number) => boolean) {
    this.#context = context;
    this.#name = name;
    this.#beats = beats;
    this.#best = new Float64Array(context.stepCount);
    this.#seen = new Uint8Array(context.stepCount);
  }

  add(series: StepSeries): void {
    const { present, values } = series;
    if (present.includes(HISTOGRAM)) this.#context.annotate(histogramIgnoredInAggregation(this.#name));
    for (let step = 0; step < present.length; step++) {
      if (present[step] !== FLOAT) continue;
      const best = this.#best[step]!;
      if (this.#seen[step] === 0 || this.#beats(values[step]!, best) || Number.isNaN(best)) this.#best[step] = values[step]!;
      this.#seen[step] = 1;
    }
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) if (this.#seen[step] === 1) out.setFloat(step, this.#best[step]!);
  }
}

/** Welford's method: one pass, stable. Infinite and NaN values make the result NaN. */
class VarianceFold implements GroupFold {
  readonly #context: FoldContext;
  readonly #name: string;
  readonly #toResult: (variance: number) => number;
  readonly #counts: Float64Array;
  readonly #means: Float64Array;
  readonly #squares: Float64Array;

  constructor(context: FoldContext, name: string, toResult: (variance: number) => number) {
    this.#context = context;
    this.#name = name;
    this.#toResult = toResult;
    this.#counts = new Float64Array(context.stepCount);
    this.#means = new Float64Array(context.stepCount);
    this.#squares = new Float64Array(context.stepCount);
  }

  add(series: StepSeries): void {
    const { present, values } = series;
    if (present.includes(HISTOGRAM)) this.#context.annotate(histogramIgnoredInAggregation(this.#name));
    for (let step = 0; step < present.length; step++) {
      if (present[step] !== FLOAT) continue;
      const value = values[step]!;
      const count = ++this.#counts[step]!;
      if (count === 1) {
        this.#means[step] = value;
        this.#squares[step] = Number.isFinite(value) ? 0 : NaN;
        continue;
      }
      const difference = value - this.#means[step]!;
      this.#means[step]! += difference / count;
      this.#squares[step]! += difference * (value - this.#means[step]!);
    }
  }

  finish(out: StepColumns, from: number, to: number): void {
    for (let step = from; step < to; step++) {
      if (this.#counts[step]! > 0) out.setFloat(step, this.#toResult(this.#squares[step]! / this.#counts[step]!));
    }
  }
}

/** Needs all values of a group at once, so it keeps its series. */
class QuantileFold implements GroupFold {
  readonly #context: FoldContext;
  readonly #series: StepSeries[] = [];

  constructor(context: FoldContext) {
    this.#context = context;
  }

  add(series: StepSeries): void {
    if (series.present.includes(HISTOGRAM)) this.#context.annotate(histogramIgnoredInAggregation('quantile'));
    this.#context.budget.hold(series.values.length);
    this.#series.push(series);
  }

  finish(out: StepColumns, from: number, to: number): void {
    const { param } = this.#context;
    const scratch = new Float64Array(this.#series.length);
    for (let step = from; step < to; step++) {
      let count = 0;
      for (const series of this.#series) if (series.present[step] === FLOAT) scratch[count++] = series.values[step]!;
      if (count > 0) out.setFloat(step, quantileOfFloats(param![step]!, scratch.subarray(0, count)));
    }
  }
}
