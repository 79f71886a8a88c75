import { must } from '../../storage/runtime/assert.ts';
import type { WindowSource } from '../plan/plan-node.ts';
import type { RawSeries } from '../series-source.ts';
import { gridTimesMs } from '../plan/step-grid.ts';
import type { StepGrid } from '../plan/step-grid.ts';
import { describeSelector } from './describe-selector.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { SeriesReader } from './fetched-series.ts';
import { HeldColumns } from './held-columns.ts';
import { withoutBuckets } from './histogram-statistics.ts';
import type { Operator } from './operator.ts';
import { columnsOfRaw, columnsOfSteps } from './sample-columns.ts';
import type { SampleColumns } from './sample-columns.ts';
import { STEP_BYTES } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** The series of a range vector one by one: from the source, or from the steps of a subquery. */
export class WindowSamples {
  readonly #source: WindowSource;
  readonly #context: ExecutionContext;
  /** The subquery's operator. */
  readonly input: Operator | undefined;
  /** Made with the first series: a query names many subqueries of a million steps in few characters. */
  #subqueryTimesMs: Float64Array | undefined;
  /** Those, and the columns of the series that is being looked at. */
  readonly #held: HeldColumns;
  #reader: SeriesReader | undefined;

  constructor(source: WindowSource, input: Operator | undefined, context: ExecutionContext) {
    this.#source = source;
    this.#context = context;
    this.input = input;
    this.#held = new HeldColumns(context.budget, source.kind === 'subquery' ? source.input.grid.count : 0, Float64Array.BYTES_PER_ELEMENT + STEP_BYTES);
  }

  /** At once where the series is at hand. */
  next(): SampleColumns | undefined | Promise<SampleColumns | undefined> {
    const source = this.#source;
    if (source.reference.count === 0) return undefined;
    if (source.kind === 'subquery') {
      return must(this.input, 'subquery without input')
        .next()
        .then((series) => this.#columnsOfSubquery(series, source.input.grid));
    }
    this.#reader ??= must(this.#context.fetched[source.fetch], 'unplanned fetch').open();
    const { statisticsFromMs } = source;
    const toColumns = (raw: RawSeries | undefined): SampleColumns | undefined =>
      raw && columnsOfRaw(statisticsFromMs === undefined ? raw : withoutBuckets(raw, statisticsFromMs), this.#context.features.useStartTimestamps);
    const raw = this.#reader.next();
    return raw instanceof Promise ? raw.then(toColumns) : toColumns(raw);
  }

  #columnsOfSubquery(series: StepSeries | undefined, grid: StepGrid): SampleColumns | undefined {
    if (series === undefined) {
      this.#subqueryTimesMs = undefined;
      this.#held.release();
      return undefined;
    }
    this.#held.hold();
    return columnsOfSteps(series, (this.#subqueryTimesMs ??= gridTimesMs(grid)));
  }

  toString(): string {
    const source = this.#source;
    return source.kind === 'subquery' ? `subquery of ${source.input.grid.count} steps` : describeSelector(source);
  }
}
