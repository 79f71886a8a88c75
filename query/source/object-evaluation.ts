import { Engine } from '../../promql/engine.ts';
import { childrenOf, type Expr } from '../../promql/parser/index.ts';
import type { QueryResult } from '../../promql/query-result.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { HotStore } from '../../storage/shard/hot-store.ts';
import { EVALUATE_RPC_VERSION, type EvaluateShardAnswer, type EvaluateShardRequest } from '../../storage/shard/shard-api.ts';
import { limitResult } from '../limit-result.ts';
import { ParsedQueries } from '../parsed-queries.ts';
import { nextChunk, successText } from '../respond.ts';
import { queryData } from '../text/result-json.ts';
import { ScanSource } from './scan-source.ts';

const ENGINE_LIMITS = {
  querySamplesMax: LIMITS.objectQuerySamplesMax,
  querySeriesMax: LIMITS.querySeriesMax,
  queryPointsMax: LIMITS.objectQueryPointsMax,
  subqueryStepsMax: LIMITS.objectSubqueryStepsMax,
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
