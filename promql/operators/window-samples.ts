import { must } from '../../storage/runtime/assert.ts';
import type { WindowSource } from '../plan/plan-node.ts';
import { gridTimesMs } from '../plan/step-grid.ts';
import { describeSelector } from './describe-selector.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { SeriesReader } from './fetched-series.ts';
import { withoutBuckets } from './histogram-statistics.ts';
import type { Operator } from './operator.ts';
import { columnsOfRaw, columnsOfSteps } from './sample-columns.ts';
import type { SampleColumns } from './sample-columns.ts';

/** The series of a range vector one by one: from the source, or from the steps of a subquery. */
export class WindowSamples {
  readonly #source: WindowSource;
  readonly #context: ExecutionContext;
  /** The subquery's operator. */
  readonly input: Operator | undefined;
  readonly #subqueryTimesMs: Float64Array;
  #reader: SeriesReader | undefined;

  constructor(source: WindowSource, input: Operator | undefined, context: ExecutionContext) {
    this.#source = source;
    this.#context = context;
    this.input = input;
    this.#subqueryTimesMs = source.kind === 'subquery' ? gridTimesMs(source.input.grid) : new Float64Array(0);
  }

  async next(): Promise<SampleColumns | undefined> {
    const source = this.#source;
    if (source.reference.count === 0) return undefined;
    if (source.kind === 'subquery') {
      const series = await must(this.input, 'subquery without input').next();
      return series && columnsOfSteps(series, this.#subqueryTimesMs);
    }
    this.#reader ??= must(this.#context.fetched[source.fetch], 'unplanned fetch').open();
    const raw = await this.#reader.next();
    return raw && columnsOfRaw(source.statisticsOnly ? withoutBuckets(raw) : raw, this.#context.features.useStartTimestamps);
  }

  toString(): string {
    return this.#source.kind === 'subquery' ? `subquery of ${this.#subqueryTimesMs.length} steps` : describeSelector(this.#source);
  }
}
