import { must } from '../../storage/runtime/assert.ts';
import type { Absent, AbsentOverTime } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import type { WindowSamples } from './window-samples.ts';
import { WindowFinder } from './windows.ts';

/** 1 at the steps at which its input has no series at all. */
export class AbsentOperator implements Operator {
  readonly #node: Absent;
  readonly #input: Operator;
  readonly #context: ExecutionContext;
  #isDone = false;

  constructor(node: Absent, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  async next(): Promise<StepSeries | undefined> {
    if (this.#isDone) return undefined;
    this.#isDone = true;
    let series = await this.#input.next();
    // Only now: those below have made theirs.
    const seen = new Uint8Array(this.#node.grid.count);
    let seenCount = 0;
    for (; series !== undefined; series = await this.#input.next()) {
      for (let step = 0; step < seen.length; step++) {
        if (seen[step] !== 0 || series.present[step] === ABSENT) continue;
        seen[step] = 1;
        seenCount++;
      }
      this.#input.recycle?.(series);
      if (seenCount === seen.length && this.#mayStop()) break;
    }
    return onesWhereAbsent(seen, this.#node.labels, false);
  }

  /** Not where there may be annotations to come, as of series that are smoothed, nor where another reader of the same series would have them kept for this one. */
  #mayStop(): boolean {
    const { input } = this.#node;
    return input.kind === 'instant-select' && input.source.edges !== 'smoothed' && !must(this.#context.fetched[input.source.fetch], 'unplanned fetch').isShared;
  }

  explain(): Explanation {
    return { text: 'absent', inputs: [this.#input] };
  }
}

/** 1 at the steps in whose windows no series has a sample. */
export class AbsentOverTimeOperator implements Operator {
  readonly #node: AbsentOverTime;
  readonly #samples: WindowSamples;
  #isDone = false;

  constructor(node: AbsentOverTime, samples: WindowSamples) {
    this.#node = node;
    this.#samples = samples;
  }

  async next(): Promise<StepSeries | undefined> {
    if (this.#isDone) return undefined;
    this.#isDone = true;
    let series = await this.#samples.next();
    const seen = new Uint8Array(this.#node.grid.count);
    const finder = new WindowFinder(this.#node.source.reference, this.#node.rangeMs);
    for (; series !== undefined; series = await this.#samples.next()) {
      for (const column of [series.floats, series.histograms]) {
        const { from, to } = finder.find(column.timestampsMs);
        for (let step = 0; step < seen.length; step++) if (to[step]! > from[step]!) seen[step] = 1;
      }
    }
    return onesWhereAbsent(seen, this.#node.labels, true);
  }

  explain(): Explanation {
    return { text: `absent_over_time over ${this.#samples.toString()}`, inputs: this.#samples.input === undefined ? [] : [this.#samples.input] };
  }
}

function onesWhereAbsent(seen: Uint8Array, labels: readonly string[], dropName: boolean): StepSeries | undefined {
  const columns = new StepColumns(seen.length);
  for (let step = 0; step < seen.length; step++) if (seen[step] === 0) columns.setFloat(step, 1);
  return columns.isEmpty ? undefined : columns.toSeries(labels, dropName);
}
