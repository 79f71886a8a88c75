import { assert, must } from '../../storage/runtime/assert.ts';
import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import { possibleNonCounter, possibleNonCounterType } from '../annotations.ts';
import type { Annotation } from '../annotations.ts';
import { FUNCTIONS } from '../functions/function-table.ts';
import { SUMMARY_FUNCTIONS } from '../functions/over-summaries.ts';
import type { WindowFunction, WindowInput } from '../functions/window-function.ts';
import type { WindowCall } from '../plan/plan-node.ts';
import { reachOfEdges } from '../plan/range-modifiers.ts';
import type { ExecutionContext } from './execution-context.ts';
import { renamedSeries } from './drop-name.ts';
import { HeldColumns } from './held-columns.ts';
import { histogramWeight, workPerHistogram } from './histogram-weight.ts';
import { collectScalar } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import type { SampleColumns } from './sample-columns.ts';
import { FLOAT, SpareColumns, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { sliceOf, slicesOf } from './window-slices.ts';
import type { WindowSamples } from './window-samples.ts';
import { WINDOW_BYTES, WindowFinder } from './windows.ts';

const NO_ARGS: readonly Float64Array[] = [];

/** A function over a range vector, series by series, all steps of a series at once. */
export class WindowCallOperator implements Operator {
  readonly #node: WindowCall;
  readonly #samples: WindowSamples;
  readonly #scalars: readonly Operator[];
  readonly #context: ExecutionContext;
  readonly #apply: WindowFunction;
  readonly #workPerSample: number;
  readonly #floatWindows: WindowFinder;
  readonly #histogramWindows: WindowFinder;
  readonly #annotate: (annotation: Annotation) => void;
  readonly #spend: (work: number) => void;
  readonly #spare = new SpareColumns();
  readonly #held: HeldColumns;
  #args: readonly Float64Array[] | undefined;
  /** The metric that was last found to look like a counter. */
  #lastCounter: string | undefined;

  constructor(node: WindowCall, samples: WindowSamples, scalars: readonly Operator[], context: ExecutionContext) {
    const implementation = FUNCTIONS[node.name];
    assert(implementation.kind === 'window', `${node.name} is no function over ranges`);
    this.#node = node;
    this.#samples = samples;
    this.#scalars = scalars;
    this.#context = context;
    this.#apply = implementation.apply;
    this.#workPerSample = implementation.workPerSample;
    const { beforeMs, afterMs } = reachOfEdges(node.source.edges, node.lookbackMs);
    this.#floatWindows = new WindowFinder(node.source.reference, node.rangeMs, beforeMs, afterMs);
    this.#histogramWindows = new WindowFinder(node.source.reference, node.rangeMs, beforeMs, afterMs);
    const stepCount = node.grid.count;
    const ownBytes = scalars.length * Float64Array.BYTES_PER_ELEMENT + (implementation.keptBytesPerStep?.(stepCount) ?? 0);
    this.#held = new HeldColumns(context.budget, stepCount, ownBytes + WINDOW_BYTES * 2 + SpareColumns.bytesPerStep(stepCount));
    this.#annotate = (annotation) => context.annotations.add(annotation, node.argPosition, node.position);
    this.#spend = (work) => context.budget.spend(work);
  }

  async next(): Promise<StepSeries | undefined> {
    const { budget } = this.#context;
    if (this.#scalars.length > 0) this.#held.hold();
    this.#args ??= await Promise.all(this.#scalars.map((scalar) => collectScalar(scalar, this.#node.grid.count)));
    for (;;) {
      const next = this.#samples.next();
      const series = next instanceof Promise ? await next : next;
      if (series === undefined) {
        this.#letGo();
        return undefined;
      }
      this.#held.hold();
      const evaluated = this.#evaluate(series, this.#args);
      const columns = evaluated instanceof Promise ? await evaluated : evaluated;
      if (budget.isPauseDue) await budget.pause();
      if (columns.isEmpty) {
        this.#spare.put(columns);
        continue;
      }
      if (this.#node.keepsName) return columns.toSeries(series.labels, series.dropName);
      this.#suspectNonCounter(series, columns);
      return renamedSeries(columns, series.labels, this.#context.features);
    }
  }

  recycle(series: StepSeries): void {
    this.#spare.put(series);
  }

  #letGo(): void {
    this.#floatWindows.clear();
    this.#histogramWindows.clear();
    this.#spare.clear();
    this.#args = NO_ARGS;
    this.#held.release();
  }

  /** All steps at once; slice by slice where that takes long, so that others have a turn in between. */
  #evaluate(series: SampleColumns, args: readonly Float64Array[]): StepColumns | Promise<StepColumns> {
    const { grid, source, rangeMs } = this.#node;
    const { budget } = this.#context;
    const floatWindows = this.#floatWindows.find(series.floats.timestampsMs);
    const histogramWindows = this.#histogramWindows.find(series.histograms.timestampsMs);
    const histogramCount = series.histograms.timestampsMs.length > 0 ? histogramWindows.sampleCount : 0;
    const perHistogram = workPerHistogram(series.histograms.histograms);
    const work = (floatWindows.sampleCount + histogramCount * perHistogram) * this.#workPerSample;
    budget.see(floatWindows.sampleCount + histogramCount);
    budget.spend(grid.count + work);
    const columns = this.#spare.take(grid.count);
    const input: WindowInput = {
      series, floats: series.floats, floatWindows, histograms: series.histograms, histogramWindows,
      reference: source.reference, rangeMs, edges: source.edges, grid, args, annotate: this.#annotate,
      spend: this.#spend,
    };
    const apply = series.summaries === undefined ? this.#apply : must(SUMMARY_FUNCTIONS[this.#node.name], `summaries for ${this.#node.name}`).apply;
    if (work > budget.limits.workPerPause) return this.#evaluateInSlices(apply, input, columns, perHistogram);
    apply(input, columns);
    if (columns.histograms !== undefined) budget.checkRoom(histogramWeight(columns));
    return columns;
  }

  async #evaluateInSlices(apply: WindowFunction, input: WindowInput, columns: StepColumns, perHistogram: number): Promise<StepColumns> {
    const { budget } = this.#context;
    let weight = 0;
    for (const { from, to } of slicesOf(input, budget.limits.workPerPause / this.#workPerSample, perHistogram)) {
      const slice = new StepColumns(to - from);
      apply(sliceOf(input, from, to), slice);
      columns.copySlice(from, slice);
      if (slice.histograms !== undefined) budget.checkRoom((weight += histogramWeight(slice)));
      await budget.pause();
    }
    return columns;
  }

  /** An info when rate or increase gave floats for a metric that does not look like a counter. */
  #suspectNonCounter(series: SampleColumns, columns: StepColumns): void {
    if (this.#node.name !== 'rate' && this.#node.name !== 'increase') return;
    const metricName = labelValue(series.labels, METRIC_NAME);
    if (metricName === '' || metricName === this.#lastCounter || !columns.present.includes(FLOAT)) return;
    if (this.#context.features.typeAndUnitLabels) {
      const type = labelValue(series.labels, '__type__');
      if (type !== 'counter' && type !== 'histogram') this.#annotate(possibleNonCounterType(metricName, type));
    } else if (/_(?:total|sum|count|bucket)$/.test(metricName)) this.#lastCounter = metricName;
    else this.#annotate(possibleNonCounter(metricName));
  }

  explain(): Explanation {
    const inputs = this.#samples.input === undefined ? this.#scalars : [this.#samples.input, ...this.#scalars];
    return { text: `${this.#node.name} over ${this.#node.rangeMs} ms of ${this.#samples.toString()}`, inputs };
  }
}
