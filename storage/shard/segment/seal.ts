import type { LabelOrder, SeriesIndex } from '../index/series-index.ts';
import type { LogHead } from '../log/log-head.ts';
import { LogOrder, type LogPart } from '../log/log-order.ts';
import { SampleRun } from '../run/sample-run.ts';
import { SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';

/** What a seal or a merge asks of the label index. */
export type SealIndex = Pick<SeriesIndex, 'labelOrder' | 'metricName'>;

/** What a series costs beside its samples, in samples. */
const SERIES_COST_SAMPLES = 6;
/** What sorting the number of an entry costs, likewise. */
const SORT_COST_SAMPLES = 1 / 4;

/**
 * Turns the log's first entries into segment rows, some at a time: series in label order, each with its samples in order of time. Writing the
 * rows and freeing the log is the caller's.
 */
export class LogSeal {
  /** How many entries it is about; more may come behind them meanwhile. */
  readonly entryCount: number;
  readonly #index: SealIndex;
  readonly #labelOrder: LabelOrder;
  readonly #order: LogOrder;
  readonly #writer: SegmentRowsWriter;
  readonly #disordered = new SampleRun(0);
  /** `undefined` until all numbers are sorted, and behind the last part. */
  #part: LogPart | undefined;
  /** The next series, and where its samples begin in the part. */
  #rank = 0;
  #start = 0;

  constructor(head: LogHead, index: SealIndex, limits: SegmentRowLimits, partEntriesTarget?: number) {
    this.entryCount = head.count;
    this.#index = index;
    this.#labelOrder = index.labelOrder();
    this.#order = new LogOrder(head, head.count, this.#labelOrder, partEntriesTarget);
    this.#writer = new SegmentRowsWriter(limits);
  }

  /** About what all of it takes, in the samples that `step` counts. */
  get cost(): number {
    return this.entryCount * (1 + SORT_COST_SAMPLES) + Math.min(this.entryCount, this.#labelOrder.refs.length) * SERIES_COST_SAMPLES;
  }

  get isDone(): boolean {
    return this.#order.isSorted && this.#part === undefined;
  }

  /** Goes on for about so many samples, and answers with the rows that this has filled; the last step with the last one too. */
  step(samplesTarget: number): readonly SealedRow[] {
    let left = this.#order.isSorted ? samplesTarget : this.#sortOn(samplesTarget);
    while (left > 0 && this.#part !== undefined) {
      left = this.#addSeries(this.#part, left);
      if (this.#rank < this.#part.endRank) continue;
      this.#part = this.#order.next();
      this.#start = 0;
    }
    return this.isDone ? this.#writer.finish() : this.#writer.take();
  }

  /** Sorts as many numbers as the step has room for, behind the last one takes the first part, and answers what is left of the step. */
  #sortOn(samplesTarget: number): number {
    const order = this.#order;
    let left = samplesTarget;
    while (left > 0 && !order.isSorted) left -= order.sortOn() * SORT_COST_SAMPLES;
    if (order.isSorted) this.#part = order.next();
    return left;
  }

  /** Adds series of the part until it ends or nothing is left of the step; answers what is. */
  #addSeries({ firstRank, endRank }: LogPart, left: number): number {
    const { ends, samples } = this.#order;
    const { refs, metrics } = this.#labelOrder;
    const writer = this.#writer;
    let rank = this.#rank;
    let start = this.#start;
    for (; rank < endRank && left > 0; rank++) {
      const end = ends[rank - firstRank]!;
      if (end === start) continue;
      const metric = this.#index.metricName(metrics[rank]!);
      if (isRising(samples.timestampsMs, start, end)) writer.add(refs[rank]!, metric, samples, start, end);
      else {
        const run = this.#disordered;
        run.clear();
        run.append(samples, start, end);
        run.settle();
        writer.add(refs[rank]!, metric, run, 0, run.length);
      }
      left -= end - start + SERIES_COST_SAMPLES;
      start = end;
    }
    this.#rank = rank;
    this.#start = start;
    return left;
  }
}

function isRising(timestampsMs: Float64Array, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) if (timestampsMs[i]! <= timestampsMs[i - 1]!) return false;
  return true;
}
