import { must } from '../../storage/runtime/assert.ts';
import type { WindowSource } from '../plan/plan-node.ts';
import type { RawSeries } from '../series-source.ts';
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

  /** At once where the series is at hand. */
  next(): SampleColumns | undefined | Promise<SampleColumns | undefined> {
    const source = this.#source;
    if (source.reference.count === 0) return undefined;
    if (source.kind === 'subquery') {
      return must(this.input, 'subquery without input')
        .next()
        .then((series) => series && columnsOfSteps(series, this.#subqueryTimesMs));
    }
    this.#reader ??= must(this.#context.fetched[source.fetch], 'unplanned fetch').open();
    const { statisticsOnly } = source;
    const toColumns = (raw: RawSeries | undefined): SampleColumns | undefined =>
      raw && columnsOfRaw(statisticsOnly ? withoutBuckets(raw) : raw, this.#context.features.useStartTimestamps);
    const raw = this.#reader.next();
    return raw instanceof Promise ? raw.then(toColumns) : toColumns(raw);
  }

  toString(): string {
    return this.#source.kind === 'subquery' ? `subquery of ${this.#subqueryTimesMs.length} steps` : describeSelector(this.#source);
  }
}
