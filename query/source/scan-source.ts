import type { RawSeries, SelectRequest, SeriesIterator, SeriesSource } from '../../promql/series-source.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import { SelectionWork } from '../../storage/shard/select/selection-work.ts';
import type { EvaluateShardRequest } from '../../storage/shard/shard-api.ts';

const SELECTION_LIMITS = { selectionSeriesMax: LIMITS.objectQuerySelectionSeriesMax, selectionMatchWorkMax: LIMITS.objectQueryMatchWorkMax };

export interface ScanBounds {
  readonly matchers: EvaluateShardRequest['matchers'];
  readonly hotFromMs: number;
  readonly stepCount: number;
  /** Of all selectors: their series times steps. */
  readonly pointsMax: number;
}

/** A store as a series source. Throws limit for what is not for the object: most of it before any sample is read. */
export class ScanSource implements SeriesSource {
  readonly #store: Pick<HotStore, 'scan'>;
  readonly #bounds: ScanBounds;
  readonly #work = new SelectionWork(SELECTION_LIMITS);
  #seriesCount = 0;
  #histograms = 0;

  constructor(store: Pick<HotStore, 'scan'>, bounds: ScanBounds) {
    this.#store = store;
    this.#bounds = bounds;
  }

  select({ matchers, startMs, endMs }: SelectRequest): ScanIterator {
    const { hotFromMs, stepCount, pointsMax, matchers: visible } = this.#bounds;
    if (startMs < hotFromMs) throw tooMuch('samples that are not archived');
    const scan = this.#store.scan([...matchers, ...visible], this.#work);
    this.#seriesCount += scan.seriesCount;
    if (this.#seriesCount * stepCount > pointsMax) throw tooMuch(`${pointsMax} points`);
    const { objectQuerySeriesSteps: seriesSteps, objectQueryPointsReadMax: readMax } = LIMITS;
    if (this.#seriesCount * (stepCount + seriesSteps) > readMax) throw tooMuch(`${readMax} points that are read`);
    // Timestamps are whole milliseconds.
    return new ScanIterator(scan.series({ startMs: Math.ceil(startMs), endMs: Math.floor(endMs) }), (series) => this.#weigh(series));
  }

  #weigh({ histograms }: RawSeries): void {
    if (histograms === undefined) return;
    this.#histograms += histograms.length;
    if (this.#histograms > LIMITS.objectQueryHistogramsMax) throw tooMuch(`${LIMITS.objectQueryHistogramsMax} histograms`);
  }
}

/** Nobody reads it: it ends the evaluation, which is declined. */
function tooMuch(limit: string): VarveError {
  return new VarveError('limit', `an object evaluates queries of ${limit} at most`);
}

class ScanIterator implements SeriesIterator {
  readonly #series: Iterator<RawSeries, undefined>;
  readonly #weigh: (series: RawSeries) => void;

  constructor(series: Iterator<RawSeries, undefined>, weigh: (series: RawSeries) => void) {
    this.#series = series;
    this.#weigh = weigh;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  nextAtHand(): RawSeries | undefined {
    const series = this.#series.next().value;
    if (series !== undefined) this.#weigh(series);
    return series;
  }

  async next(): Promise<IteratorResult<RawSeries, undefined>> {
    const value = this.nextAtHand();
    return value === undefined ? { done: true, value } : { done: false, value };
  }
}
