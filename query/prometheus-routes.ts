import { Hono, type Context } from 'hono';
import { Engine } from '../promql/engine.ts';
import type { QueryResult } from '../promql/query-result.ts';
import { labelsToObject } from '../storage/model/labels.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import { deadline } from '../storage/runtime/deadline.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import type { ShardRouter } from '../storage/shard-router.ts';
import { answer } from './answer.ts';
import {
  aboutParameter,
  asParameterError,
  booleanParameter,
  durationParameter,
  explainParameter,
  limitParameter,
  lookbackParameter,
  queryParameter,
  rangeParameters,
  selectorParameters,
  timeParameter,
  TIME_MS_MAX,
} from './parameters.ts';
import { ParsedQueries } from './parsed-queries.ts';
import { ReadReport } from './read-report.ts';
import { streamed, success, successText } from './respond.ts';
import { queryData } from './result-json.ts';
import { HotSource, labelNames, labelValues, seriesLabels, type LabelsQuery, type LimitedAnswer } from './shard-fan-out.ts';
import { openTenant } from './tenant.ts';

const TRUNCATED = 'results truncated due to limit';
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

/** The query half of Prometheus' HTTP API, to be mounted at `/api/v1`. GET and POST forms are one and the same. */
export function prometheusRoutes(given: QueryServices): Hono {
  const services: QueryRoutes = { ...given, parsed: new ParsedQueries() };
  const routes = new Hono();
  const both = ['GET', 'POST'];
  routes.on(both, '/query', (context) => answer(context, (parameters) => instantQuery(services, context, parameters)));
  routes.on(both, '/query_range', (context) => answer(context, (parameters) => rangeQuery(services, context, parameters)));
  routes.on(both, '/labels', (context) => answer(context, (parameters) => labels(services, context, parameters)));
  routes.get('/label/:name/values', (context) => answer(context, (parameters) => values(services, context, parameters)));
  routes.on(both, '/series', (context) => answer(context, (parameters) => series(services, context, parameters)));
  return routes;
}

// Parameters are read in the order in which Prometheus does: of several wrong ones, a client hears of the same.

async function instantQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const timeMs = timeParameter(parameters, 'time', services.clock.nowMs());
  const { engine, query, options, report } = await prepare(services, context, parameters);
  return queryAnswer(() => engine.instant(query, { ...options, timeMs }), { services, parameters, limit, report });
}

async function rangeQuery(services: QueryRoutes, context: Context, parameters: URLSearchParams): Promise<Response> {
  const limit = limitParameter(parameters);
  const range = rangeParameters(parameters);
  const { engine, query, options, report } = await prepare(services, context, parameters);
  return queryAnswer(() => engine.range(query, { ...options, ...range }), { services, parameters, limit, report });
}

async function prepare(services: QueryRoutes, context: Context, parameters: URLSearchParams) {
  const timeoutMs = durationParameter(parameters, 'timeout') ?? LIMITS.queryTimeoutMs;
  const lookbackMs = lookbackParameter(parameters) ?? LIMITS.lookbackMs;
  const query = queryParameter(parameters);
  if (timeoutMs <= 0) throw new VarveError('timeout', 'query timed out in query execution');
  const explain = explainParameter(parameters);
  const { clock, parsed } = services;
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const source = new HotSource(await openTenant(services, context), LIMITS.querySamplesMax, { report, clock });
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
  return streamed(successText(queryData(limited, stats), { warnings, infos: limited.annotations.infos, explain: limited.explanation }));
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

async function labels(services: QueryServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const query = labelsQuery(parameters, selectorParameters);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  return limitedAnswer(await labelNames(await openTenant(services, context), query, report), report);
}

async function values(services: QueryServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const name = labelNameOf(context.req.raw);
  const query = labelsQuery(parameters, selectorParameters);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  return limitedAnswer(await labelValues(await openTenant(services, context), name, query, report), report);
}

async function series(services: QueryServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  if (parameters.getAll('match[]').length === 0) throw badData('no match[] parameter provided');
  // Only here Prometheus names the parameter.
  const query = labelsQuery(parameters, () => aboutParameter('match[]', () => selectorParameters(parameters)));
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const found = await seriesLabels(await openTenant(services, context), query, report);
  return limitedAnswer({ ...found, values: found.values.map(labelsToObject) }, report);
}

function limitedAnswer<T>({ values: found, truncated }: LimitedAnswer<T>, report: ReadReport): Response {
  return success(found, { warnings: [...report.warnings, ...(truncated ? [TRUNCATED] : [])] });
}

function labelsQuery(parameters: URLSearchParams, selectors: typeof selectorParameters): LabelsQuery {
  const limit = limitParameter(parameters);
  const startMs = timeParameter(parameters, 'start', -TIME_MS_MAX);
  const endMs = timeParameter(parameters, 'end', TIME_MS_MAX);
  if (endMs < startMs) throw badData('invalid parameter "end": end timestamp must not be before start time');
  return { selectors: selectors(parameters), startMs, endMs, limit };
}

/** The label name of `/label/:name/values`. Read from the URL itself: the router leaves bytes that are no UTF-8 as they are. */
function labelNameOf(request: Request): string {
  const segment = new URL(request.url).pathname.split('/').at(-2) ?? '';
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw badData(`invalid label name: ${JSON.stringify(segment)}`);
  }
  return unescapeName(name);
}

/**
 * A label name that may be escaped, as Grafana writes UTF-8 names in paths: `U__`, then `_` as `__` and other characters as `_hex_`
 * (Prometheus' "values" escaping). What is not well-formed stands for itself.
 */
function unescapeName(name: string): string {
  if (!name.startsWith('U__')) return name;
  const escaped = name.slice(3);
  if (!/^(?:[^_]|__|_[0-9a-fA-F]{1,6}_)*$/.test(escaped)) return name;
  const unescaped = escaped.replace(/__|_([0-9a-fA-F]{1,6})_/g, (match, hex: string | undefined) => {
    if (hex === undefined) return '_';
    const codePoint = parseInt(hex, 16);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : match;
  });
  return unescaped.isWellFormed() ? unescaped : name;
}
