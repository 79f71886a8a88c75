import { Hono, type Context } from 'hono';
import { Engine, type ExplainMode } from '../../promql/engine.ts';
import type { QueryResult } from '../../promql/query-result.ts';
import { deadline } from '../../storage/runtime/deadline.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { EvaluateShardRequest } from '../../storage/shard/shard-api.ts';
import { answer } from '../answer.ts';
import { limitResult } from '../limit-result.ts';
import {
  asParameterError,
  booleanParameter,
  durationParameter,
  explainParameter,
  limitParameter,
  lookbackParameter,
  maxSourceResolutionParameter,
  queryParameter,
  rangeParameters,
  timeParameter,
} from '../parameters.ts';
import { ParsedQueries } from '../parsed-queries.ts';
import { answerOf, streamed, successText } from '../respond.ts';
import { ObjectEvaluator } from '../source/object-evaluator.ts';
import { ReadReport } from '../source/read-report.ts';
import { TenantSource } from '../source/tenant-source.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { queryData } from '../text/result-json.ts';

const QUERY_LIMITS = {
  querySamplesMax: LIMITS.querySamplesMax, querySeriesMax: LIMITS.querySeriesMax, queryPointsMax: LIMITS.queryPointsMax, subqueryStepsMax: LIMITS.subqueryStepsMax,
};

interface QueryRoutes extends TenantServices {
  readonly parsed: ParsedQueries;
  readonly byObject: ObjectEvaluator;
}

/** Queries of Prometheus' HTTP API, to be mounted at `/api/v1`. GET and POST forms are one and the same. */
export function prometheusRoutes(given: TenantServices): Hono {
  const services: QueryRoutes = { ...given, parsed: new ParsedQueries(), byObject: new ObjectEvaluator(given.clock) };
  const routes = new Hono();
  const both = ['GET', 'POST'];
  routes.on(both, '/query', (context) => answer(context, (parameters) => instantQuery(services, context, parameters)));
  routes.on(both, '/query_range', (context) => answer(context, (parameters) => rangeQuery(services, context, parameters)));
  return routes;
}

// Parameters are read in the order in which Prometheus does: of several wrong ones, a client hears of the same.

async function instantQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const steps = { timeMs: timeParameter(parameters, 'time', services.clock.nowMs()) };
  const asked = await readQuery(services, context, parameters, limit, undefined);
  return (await answerOfObject(asked, steps)) ?? queryAnswer(asked, (engine, query, options) => engine.instant(query, { ...options, ...steps }));
}

async function rangeQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  const asked = await readQuery(services, context, parameters, limit, range.stepMs);
  return (await answerOfObject(asked, range)) ?? queryAnswer(asked, (engine, query, options) => engine.range(query, { ...options, ...range }));
}

/** A query as it was asked for. */
interface AskedQuery {
  readonly services: QueryRoutes;
  readonly shards: TenantShards;
  readonly query: string;
  /** By the clock's elapsed time: at this moment it is too late. */
  readonly lateAtMs: number;
  readonly lookbackMs: number;
  readonly limit: number;
  readonly explain: ExplainMode | undefined;
  /** Of the parameter `stats`: empty when there is none. */
  readonly stats: string;
  readonly maxSourceResolutionMs: number | undefined;
  readonly report: ReadReport;
  readonly request: Request;
}

/** `stepMs` is `undefined` for an instant query. */
async function readQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams, limit: number, stepMs: number | undefined): Promise<AskedQuery> {
  const startedMs = services.clock.elapsedMs();
  const timeoutMs = durationParameter(parameters, 'timeout') ?? LIMITS.queryTimeoutMs;
  const lookbackMs = lookbackParameter(parameters) ?? LIMITS.lookbackMs;
  const query = queryParameter(parameters);
  if (timeoutMs <= 0) throw new VarveError('timeout', 'query timed out in query execution');
  const lateAtMs = startedMs + Math.min(timeoutMs, LIMITS.queryTimeoutMs);
  const explain = explainParameter(parameters);
  const maxSourceResolutionMs = maxSourceResolutionParameter(parameters, stepMs);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const stats = parameters.get('stats') ?? '';
  const shards = await openTenant(services, context);
  return { services, shards, query, lateAtMs, lookbackMs, limit, explain, stats, maxSourceResolutionMs, report, request: context.req.raw };
}

/** What the object answers that holds all of the tenant's series; `undefined` where the Worker is to evaluate, as for whoever wants to know how it is done. */
async function answerOfObject({ services, shards, query, lookbackMs, limit, explain, stats }: AskedQuery, steps: EvaluateShardRequest['steps']): Promise<Response | undefined> {
  if (explain !== undefined || stats !== '') return undefined;
  const chunks = await services.byObject.evaluate(shards, { query, steps, lookbackMs, limit });
  return chunks && answerOf(chunks);
}

type Run = (engine: Engine, query: string, options: { readonly explain: ExplainMode | undefined; readonly signal: AbortSignal }) => Promise<QueryResult>;

/** Evaluated here, from samples that are fetched, in the time that the object has left. */
async function queryAnswer(asked: AskedQuery, run: Run): Promise<Response> {
  const { services, shards, query, lateAtMs, lookbackMs, limit, explain, stats: wanted, maxSourceResolutionMs, report } = asked;
  const { clock, parsed } = services;
  const source = new TenantSource(shards, LIMITS.querySamplesMax, clock, report, maxSourceResolutionMs);
  const engine = new Engine({
    source, limits: QUERY_LIMITS, lookbackMs, clock, yieldToOthers: () => clock.sleep(0), parse: (text) => parsed.parse(text),
  });
  const startMs = clock.elapsedMs();
  if (startMs >= lateAtMs) throw new VarveError('timeout', 'query timed out in query execution');
  let result: QueryResult;
  try {
    result = await run(engine, query, { explain, signal: deadline(lateAtMs - startMs, asked.request.signal) });
  } catch (error) {
    throw asParameterError('query', error);
  }
  const limited = limitResult(result, limit);
  const stats = wanted === '' ? undefined : statsJson(result, report, clock.elapsedMs() - startMs);
  const warnings = [...report.warnings, ...limited.annotations.warnings];
  if (!['', 'true', 'all'].includes(wanted)) warnings.push(`value ${JSON.stringify(wanted)} for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"`);
  return streamed(successText(queryData(limited, stats), { warnings, infos: [...report.infos, ...limited.annotations.infos], cut: limited.annotations.cut, explain: limited.explanation }));
}

/**
 * Prometheus' shape, and beside it what was read from where. Timings are seconds; where the clock stands still while the Worker computes
 * (in production) they hold the waiting alone.
 */
function statsJson({ stats }: QueryResult, report: ReadReport, tookMs: number): unknown {
  const took = tookMs / 1000;
  const waited = Math.min(report.waitedMs / 1000, took);
  const timings = {
    evalTotalTime: took,
    resultSortTime: 0,
    queryPreparationTime: waited,
    innerEvalTime: took - waited,
    execQueueTime: 0,
    execTotalTime: took,
  };
  return { timings, samples: stats, sources: report.toJson() };
}
