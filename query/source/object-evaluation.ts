import { Engine } from '../../promql/engine.ts';
import { childrenOf, type Expr } from '../../promql/parser/index.ts';
import type { QueryResult } from '../../promql/query-result.ts';
import type { RawSeries, SelectRequest, SeriesIterator, SeriesSource } from '../../promql/series-source.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import { SelectionWork } from '../../storage/shard/select/selection-work.ts';
import { EVALUATE_RPC_VERSION, type EvaluateShardAnswer, type EvaluateShardRequest } from '../../storage/shard/shard-api.ts';
import { limitResult } from '../limit-result.ts';
import { ParsedQueries } from '../parsed-queries.ts';
import { nextChunk, successText } from '../respond.ts';
import { queryData } from '../text/result-json.ts';

const ENGINE_LIMITS = {
  querySamplesMax: LIMITS.objectQuerySamplesMax,
  querySeriesMax: LIMITS.querySeriesMax,
  queryPointsMax: LIMITS.objectQueryPointsMax,
  subqueryStepsMax: LIMITS.objectSubqueryStepsMax,
  workMax: LIMITS.objectQueryWorkMax,
  labelCharactersMax: LIMITS.objectAnswerBytesMax,
};

const SELECTION_LIMITS = { selectionSeriesMax: LIMITS.objectQuerySelectionSeriesMax, selectionMatchWorkMax: LIMITS.objectQueryMatchWorkMax };

type Store = Pick<HotStore, 'scan' | 'confirmCurrent'>;

/**
 * Evaluates queries in the object that holds all series of its tenant. Of an aggregate the samples then need not cross to the Worker, which was up to
 * half of what it cost; a query with several selectors is one call.
 *
 * An evaluation waits for nothing but itself, so it is one turn of the object: nothing is written meanwhile, all selectors see the same moment,
 * and there is never a second one in memory. In return it must be short: what is larger than the limits allow is declined, and so is what fails.
 * The caller then evaluates it himself, with his own limits, and tells what is wrong with it.
 */
export class ObjectEvaluation {
  readonly #store: Store;
  readonly #parsed = new ParsedQueries();

  constructor(store: Store) {
    this.#store = store;
  }

  async evaluate(request: EvaluateShardRequest): Promise<EvaluateShardAnswer> {
    const result = request.version === EVALUATE_RPC_VERSION ? await this.#result(request) : undefined;
    const chunks = result && chunksWithin(result, LIMITS.objectAnswerBytesMax);
    if (chunks === undefined) return { status: 'declined' };
    this.#store.confirmCurrent();
    return { status: 'answer', chunks };
  }

  /** `undefined` for what is declined. */
  async #result({ query, steps, lookbackMs, limit, hotFromMs, matchers }: EvaluateShardRequest): Promise<QueryResult | undefined> {
    try {
      const tree = this.#parsed.parse(query);
      const stepCount = 'timeMs' in steps ? 1 : Math.floor((steps.endMs - steps.startMs) / steps.stepMs) + 1;
      const pointsMax = makesFewOfMany(tree) ? Infinity : LIMITS.objectQueryPointsMax;
      const source = new ScanSource(this.#store, { matchers, hotFromMs, stepCount, pointsMax });
      const engine = new Engine({ source, limits: ENGINE_LIMITS, lookbackMs, parse: () => tree });
      return limitResult('timeMs' in steps ? await engine.instant(query, steps) : await engine.range(query, steps), limit);
    } catch (error) {
      if (error instanceof VarveError) return undefined;
      throw error;
    }
  }
}

/** Whether a part of the query makes few series of many: then its answer is most likely smaller than what it reads. */
function makesFewOfMany(expr: Expr): boolean {
  return expr.kind === 'aggregate' || (expr.kind === 'call' && ONE_OF_MANY.has(expr.name)) || childrenOf(expr).some(makesFewOfMany);
}

const ONE_OF_MANY: ReadonlySet<string> = new Set(['absent', 'absent_over_time', 'scalar']);

interface ScanBounds {
  readonly matchers: EvaluateShardRequest['matchers'];
  readonly hotFromMs: number;
  readonly stepCount: number;
  /** Of all selectors: their series times steps. */
  readonly pointsMax: number;
}

/** A store as a series source. Throws limit for what is not for the object: most of it before any sample is read. */
class ScanSource implements SeriesSource {
  readonly #store: Store;
  readonly #bounds: ScanBounds;
  readonly #work = new SelectionWork(SELECTION_LIMITS);
  #seriesCount = 0;
  #histograms = 0;

  constructor(store: Store, bounds: ScanBounds) {
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

/** Nobody gets a chunk before all are written, so they are larger than those of an answer that leaves as it is written: the most that is one piece. */
const CHUNK_BYTES = 1024 * 1024;

/** The answer as it is sent; `undefined` when it is longer than `bytesMax`. */
function chunksWithin(result: QueryResult, bytesMax: number): readonly Uint8Array<ArrayBuffer>[] | undefined {
  const text = successText(queryData(result), result.annotations);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (let isDone = false; !isDone; ) {
    const { bytes, done } = nextChunk(text, CHUNK_BYTES);
    length += bytes.length;
    if (length > bytesMax) return undefined;
    chunks.push(bytes);
    isDone = done;
  }
  return chunks;
}
