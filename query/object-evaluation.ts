import { Engine } from '../promql/engine.ts';
import { childrenOf, type Expr } from '../promql/parser/index.ts';
import type { QueryResult } from '../promql/query-result.ts';
import type { RawSeries, SelectRequest, SeriesIterator, SeriesSource } from '../promql/series-source.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import type { HotStore } from '../storage/shard/hot-store.ts';
import type { EvaluateShardAnswer, EvaluateShardRequest } from '../storage/shard/shard-api.ts';
import { ByteText } from './byte-text.ts';
import { limitResult } from './limit-result.ts';
import { ParsedQueries } from './parsed-queries.ts';
import { queryData } from './result-json.ts';

const ENGINE_LIMITS = {
  samplesMax: LIMITS.objectQuerySamplesMax,
  seriesMax: LIMITS.querySeriesMax,
  outputPointsMax: LIMITS.objectQueryPointsMax,
  stepsMax: LIMITS.objectSubqueryStepsMax,
  workMax: LIMITS.objectQueryWorkMax,
  labelCharactersMax: LIMITS.objectAnswerBytesMax,
};

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
    const result = await this.#result(request);
    const json = result && writtenWithin(result, LIMITS.objectAnswerBytesMax);
    if (json === undefined) return { status: 'declined' };
    this.#store.confirmCurrent();
    return { status: 'data', json, ...result!.annotations };
  }

  /** `undefined` for what is declined. */
  async #result({ query, steps, lookbackMs, limit, hotFromMs, matchers }: EvaluateShardRequest): Promise<QueryResult | undefined> {
    try {
      const tree = this.#parsed.parse(query);
      const stepCount = 'timeMs' in steps ? 1 : Math.floor((steps.endMs - steps.startMs) / steps.stepMs) + 1;
      const pointsMax = makesFewOfMany(tree) ? LIMITS.objectQueryPointsReadMax : LIMITS.objectQueryPointsMax;
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
  /** Of all selectors: their series times steps, as objectQueryPointsReadMax counts them. */
  readonly pointsMax: number;
}

/** A store as a series source. Throws limit for what is not for the object: most of it before any sample is read. */
class ScanSource implements SeriesSource {
  readonly #store: Store;
  readonly #bounds: ScanBounds;
  #points = 0;
  #histograms = 0;

  constructor(store: Store, bounds: ScanBounds) {
    this.#store = store;
    this.#bounds = bounds;
  }

  select({ matchers, startMs, endMs }: SelectRequest): ScanIterator {
    const { hotFromMs, stepCount, pointsMax, matchers: visible } = this.#bounds;
    if (startMs < hotFromMs) throw tooMuch('samples that are not archived');
    const scan = this.#store.scan([...matchers, ...visible]);
    this.#points += scan.seriesCount * (stepCount + LIMITS.objectQuerySeriesSteps);
    if (this.#points > pointsMax) throw tooMuch(`${pointsMax} points`);
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

/** Where answers are written: room that has been used before costs much less than new room. */
const answerText = new ByteText();

/** The `data` of an answer; `undefined` when it is longer than `bytesMax`. */
function writtenWithin(result: QueryResult, bytesMax: number): Uint8Array<ArrayBuffer> | undefined {
  answerText.clear();
  for (const part of queryData(result)) {
    answerText.part(part);
    if (answerText.length > bytesMax) return undefined;
  }
  return answerText.written().slice();
}
