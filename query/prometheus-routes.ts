import { Hono, type Context } from 'hono';
import { Engine } from '../promql/engine.ts';
import type { QueryResult } from '../promql/query-result.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import { deadline } from '../storage/runtime/deadline.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import type { ShardRouter } from '../storage/shard-router.ts';
import { answer } from './answer.ts';
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
} from './parameters.ts';
import { ParsedQueries } from './parsed-queries.ts';
import { ReadReport } from './read-report.ts';
import { streamed, successText, TRUNCATED } from './respond.ts';
import { queryData } from './result-json.ts';
import { HotSource } from './shard-fan-out.ts';
import { openTenant } from './tenant.ts';

const QUERY_LIMITS = {
  samplesMax: LIMITS.querySamplesMax, seriesMax: LIMITS.querySeriesMax, outputPointsMax: LIMITS.queryPointsMax, stepsMax: LIMITS.subqueryStepsMax,
};

/** What the routes need of the world. */
export interface QueryServices {
  readonly router: ShardRouter;
  readonly clock: Clock;
}

interface QueryRoutes extends QueryServices {
  readonly parsed: ParsedQueries;
}

/** Queries of Prometheus' HTTP API, to be mounted at `/api/v1`. GET and POST forms are one and the same. */
export function prometheusRoutes(given: QueryServices): Hono {
  const services: QueryRoutes = { ...given, parsed: new ParsedQueries() };
  const routes = new Hono();
  const both = ['GET', 'POST'];
  routes.on(both, '/query', (context) => answer(context, (parameters) => instantQuery(services, context, parameters)));
  routes.on(both, '/query_range', (context) => answer(context, (parameters) => rangeQuery(services, context, parameters)));
  return routes;
}

// Parameters are read in the order in which Prometheus does: of several wrong ones, a client hears of the same.

async function instantQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const timeMs = timeParameter(parameters, 'time', services.clock.nowMs());
  const { engine, query, options, report } = await prepare(services, context, parameters, undefined);
  return queryAnswer(() => engine.instant(query, { ...options, timeMs }), { services, parameters, limit, report });
}

async function rangeQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  const { engine, query, options, report } = await prepare(services, context, parameters, range.stepMs);
  return queryAnswer(() => engine.range(query, { ...options, ...range }), { services, parameters, limit, report });
}

/** `stepMs` is `undefined` for an instant query. */
async function prepare(services: QueryRoutes, context: Context, parameters: URLSearchParams, stepMs: number | undefined) {
  const timeoutMs = durationParameter(parameters, 'timeout') ?? LIMITS.queryTimeoutMs;
  const lookbackMs = lookbackParameter(parameters) ?? LIMITS.lookbackMs;
  const query = queryParameter(parameters);
  if (timeoutMs <= 0) throw new VarveError('timeout', 'query timed out in query execution');
  const explain = explainParameter(parameters);
  const maxSourceResolutionMs = maxSourceResolutionParameter(parameters, stepMs);
  const { clock, parsed } = services;
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const source = new HotSource(await openTenant(services, context), LIMITS.querySamplesMax, { report, clock }, maxSourceResolutionMs);
  const engine = new Engine({
    source, limits: QUERY_LIMITS, lookbackMs, clock, yieldToOthers: () => clock.sleep(0), parse: (text) => parsed.parse(text),
  });
  return { engine, query, report, options: { explain, signal: deadline(Math.min(timeoutMs, LIMITS.queryTimeoutMs), context.req.raw.signal) } };
}

interface Asked {
  readonly services: QueryServices;
  readonly parameters: URLSearchParams;
  readonly limit: number;
  readonly report: ReadReport;
}

async function queryAnswer(run: () => Promise<QueryResult>, { services, parameters, limit, report }: Asked): Promise<Response> {
  const startMs = services.clock.elapsedMs();
  let result: QueryResult;
  try {
    result = await run();
  } catch (error) {
    throw asParameterError('query', error);
  }
  const limited = limitResult(result, limit);
  const asked = parameters.get('stats') ?? '';
  const stats = asked === '' ? undefined : statsJson(result, report, services.clock.elapsedMs() - startMs);
  const warnings = [...report.warnings, ...limited.annotations.warnings];
  if (!['', 'true', 'all'].includes(asked)) warnings.push(`the value ${JSON.stringify(asked)} of the parameter "stats" is deprecated: use "true" or "all"`);
  return streamed(successText(queryData(limited, stats), { warnings, infos: [...report.infos, ...limited.annotations.infos], explain: limited.explanation }));
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

/** At most `limit` series of a vector or a matrix, and a warning when there were more. */
function limitResult(result: QueryResult, limit: number): QueryResult {
  const { value, annotations } = result;
  const warned = { ...annotations, warnings: [...annotations.warnings, TRUNCATED] };
  if (limit === 0) return result;
  if (value.kind === 'vector' && value.samples.length > limit) {
    return { ...result, value: { ...value, samples: value.samples.slice(0, limit) }, annotations: warned };
  }
  if (value.kind === 'matrix' && value.series.length > limit) {
    return { ...result, value: { ...value, series: value.series.slice(0, limit) }, annotations: warned };
  }
  return result;
}
