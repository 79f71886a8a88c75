import { must } from '../../storage/runtime/assert.ts';
import type { Annotation } from '../annotations.ts';
import type { InstantSelect, SampleTime } from '../plan/plan-node.ts';
import type { RawSeries } from '../series-source.ts';
import { describeSelector } from './describe-selector.ts';
import type { ExecutionContext } from './execution-context.ts';
import { renamedSeries } from './drop-name.ts';
import type { SeriesReader } from './fetched-series.ts';
import { HeldColumns } from './held-columns.ts';
import { withoutBuckets } from './histogram-statistics.ts';
import { NEWEST_BYTES, NewestSamples, NO_SAMPLE } from './newest-samples.ts';
import type { Explanation, Operator } from './operator.ts';
import { columnsOfRaw } from './sample-columns.ts';
import { smoothSeries } from './smooth-series.ts';
import { countPresent, FLOAT, SpareColumns, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** An instant selector: for each step the newest sample of the look-back window, unless that is a stale marker. */
export class InstantSelectOperator implements Operator {
  readonly #node: InstantSelect;
  readonly #context: ExecutionContext;
  readonly #newest: NewestSamples;
  readonly #spare = new SpareColumns();
  readonly #held: HeldColumns;
  #reader: SeriesReader | undefined;

  constructor(node: InstantSelect, context: ExecutionContext) {
    this.#node = node;
    this.#context = context;
    this.#newest = new NewestSamples(node.source.reference, node.lookbackMs);
    this.#held = new HeldColumns(context.budget, node.grid.count, NEWEST_BYTES + SpareColumns.bytesPerStep(node.grid.count));
  }

  async next(): Promise<StepSeries | undefined> {
    const { source, grid } = this.#node;
    const { budget } = this.#context;
    if (grid.count === 0) return undefined;
    this.#reader ??= must(this.#context.fetched[source.fetch], 'unplanned fetch').open();
    for (;;) {
      const next = this.#reader.next();
      const raw = next instanceof Promise ? await next : next;
      if (raw === undefined) {
        this.#newest.clear();
        this.#spare.clear();
        this.#held.release();
        return undefined;
      }
      this.#held.hold();
      budget.spend(grid.count);
      const series = this.#evaluate(source.statisticsFromMs === undefined ? raw : withoutBuckets(raw, source.statisticsFromMs));
      if (budget.isPauseDue) await budget.pause();
      if (series === undefined) continue;
      budget.see(countPresent(series));
      return series;
    }
  }

  recycle(series: StepSeries): void {
    this.#spare.put(series);
  }

  #evaluate(raw: RawSeries): StepSeries | undefined {
    const { source, lookbackMs, grid } = this.#node;
    const columns = this.#spare.take(grid.count);
    if (source.edges === 'smoothed') {
      const annotate = (annotation: Annotation): void => this.#context.annotations.add(annotation, this.#node.position);
      smoothSeries(columnsOfRaw(raw, false), source.reference, lookbackMs, columns, annotate);
    } else {
      this.#copyNewest(raw, columns);
    }
    if (!columns.isEmpty) return columns.toSeries(raw.labels, false);
    this.#spare.put(columns);
    return undefined;
  }

  #copyNewest(raw: RawSeries, columns: StepColumns): void {
    const { values, histograms } = raw;
    const newest = this.#newest.find(raw);
    const { foundCount } = this.#newest;
    if (histograms === undefined) {
      const { values: out, present } = columns;
      columns.isEmpty = foundCount === 0;
      if (foundCount === newest.length) {
        present.fill(FLOAT);
        for (let step = 0; step < newest.length; step++) out[step] = values[newest[step]!]!;
        return;
      }
      for (let step = 0; step < newest.length; step++) {
        const index = newest[step]!;
        if (index === NO_SAMPLE) continue;
        out[step] = values[index]!;
        present[step] = FLOAT;
      }
      return;
    }
    for (let step = 0; step < newest.length; step++) {
      const index = newest[step]!;
      if (index === NO_SAMPLE) continue;
      const histogram = histograms[index];
      if (histogram === undefined) columns.setFloat(step, values[index]!);
      else columns.setHistogram(step, histogram);
    }
  }

  explain(): Explanation {
    return { text: `select ${describeSelector(this.#node.source)} lookback ${this.#node.lookbackMs}`, inputs: [] };
  }
}

/** `timestamp` and `start_timestamp` of a selector: times in seconds of the samples that it selects. */
export class SampleTimeOperator implements Operator {
  readonly #node: SampleTime;
  readonly #context: ExecutionContext;
  readonly #newest: NewestSamples;
  #reader: SeriesReader | undefined;

  constructor(node: SampleTime, context: ExecutionContext) {
    this.#node = node;
    this.#context = context;
    this.#newest = new NewestSamples(node.source.reference, node.lookbackMs);
  }

  async next(): Promise<StepSeries | undefined> {
    const { source, grid, of } = this.#node;
    if (grid.count === 0) return undefined;
    this.#reader ??= must(this.#context.fetched[source.fetch], 'unplanned fetch').open();
    const { budget } = this.#context;
    for (let raw = await this.#reader.next(); raw !== undefined; raw = await this.#reader.next()) {
      budget.spend(grid.count);
      if (budget.isPauseDue) await budget.pause();
      const columns = new StepColumns(grid.count);
      const newest = this.#newest.find(raw);
      const timesMs = of === 'timestamp' ? raw.timestampsMs : raw.startTimestampsMs;
      for (let step = 0; step < newest.length; step++) {
        if (newest[step] !== NO_SAMPLE) columns.setFloat(step, (timesMs?.[newest[step]!] ?? 0) / 1000);
      }
      if (columns.isEmpty) continue;
      return renamedSeries(columns, raw.labels, this.#context.features);
    }
    return undefined;
  }

  explain(): Explanation {
    return { text: `${this.#node.of} of samples of ${describeSelector(this.#node.source)}`, inputs: [] };
  }
}
