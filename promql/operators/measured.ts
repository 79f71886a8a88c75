import type { Clock } from '../../storage/runtime/clock.ts';
import type { Explanation, Operator } from './operator.ts';
import { countPresent } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

export type Stopwatch = Pick<Clock, 'elapsedMs'>;

/**
 * An operator that keeps account of itself. Its time is from each call of `next` to the answer, inputs and waiting for storage included;
 * sides of a binary operator are asked side by side, so their times overlap.
 */
export class MeasuredOperator implements Operator {
  readonly #operator: Operator;
  readonly #stopwatch: Stopwatch;
  #totalMs = 0;
  #seriesCount = 0;
  #sampleCount = 0;

  constructor(operator: Operator, stopwatch: Stopwatch) {
    this.#operator = operator;
    this.#stopwatch = stopwatch;
  }

  async next(): Promise<StepSeries | undefined> {
    const startMs = this.#stopwatch.elapsedMs();
    const series = await this.#operator.next();
    this.#totalMs += this.#stopwatch.elapsedMs() - startMs;
    if (series !== undefined) {
      this.#seriesCount++;
      this.#sampleCount += countPresent(series);
    }
    return series;
  }

  recycle(series: StepSeries): void {
    this.#operator.recycle?.(series);
  }

  explain(): Explanation {
    const { text, inputs } = this.#operator.explain();
    return { text: `${text} [${formatMs(this.#totalMs)}, ${this.#seriesCount} series, ${this.#sampleCount} samples]`, inputs };
  }
}

export function formatMs(durationMs: number): string {
  return `${durationMs.toFixed(3)} ms`;
}
