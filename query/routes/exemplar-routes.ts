import { Hono, type Context } from 'hono';
import { childrenOf, parseExpr, type Expr, type VectorSelector } from '../../promql/parser/index.ts';
import { orMissed } from '../../storage/archive/archive-watch.ts';
import type { ArchivedExemplarsRequest } from '../../storage/archive/archived-exemplars.ts';
import { compareLabels, labelsToObject } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { mergeExemplars, type SeriesExemplars } from '../../storage/shard/select/select-exemplars.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import { answer } from '../answer.ts';
import { booleanParameter, queryParameter, timeParameter } from '../parameters.ts';
import { streamed, successText } from '../respond.ts';
import { mayBeArchived } from '../source/archived-labels.ts';
import { ReadReport } from '../source/read-report.ts';
import { askAll } from '../source/shard-fan-out.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { formatTimestamp } from '../text/result-json.ts';
import { formatValue } from '../text/value-text.ts';
import { TIME_MS_MAX } from '../time-text.ts';

/** Exemplars of the series that a query selects, to be mounted at `/api/v1`. */
export function exemplarRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.on(['GET', 'POST'], '/query_exemplars', (context) => answer(context, (parameters) => exemplars(services, context, parameters)));
  return routes;
}

async function exemplars(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const startMs = timeParameter(parameters, 'start', -TIME_MS_MAX);
  const endMs = timeParameter(parameters, 'end', TIME_MS_MAX);
  if (endMs < startMs) throw badData('end timestamp must not be before start timestamp');
  const selectors = selectorsOf(parseExpr(queryParameter(parameters))).map(({ matchers }) => matchers);
  // Nothing is selected: Prometheus answers with nothing at all.
  if (selectors.length === 0) return new Response(null, { status: 204 });
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const request = { version: SHARD_RPC_VERSION, selectors, startMs, endMs };
  const tenant = await openTenant(services, context);
  const answers = await askAll(tenant, (stub) => stub.selectExemplars(request), report);
  const hot = answers.flatMap((shard) => {
    if (shard.status === 'refused') throw new VarveError('limit', shard.message);
    if (shard.isTooMany) throw tooManyExemplars();
    return shard.series;
  });
  checkCount(hot);
  // A window's exemplars stay with the shard for as long as it has room: many are in both tiers.
  const all = [...(await archivedExemplars(tenant, { selectors, startMs, endMs }, services.clock, report)), ...hot];
  const series = mergeExemplars(all).sort((a, b) => compareLabels(a.labels, b.labels));
  checkCount(series);
  return streamed(successText(exemplarText(series), { warnings: report.warnings }));
}

function checkCount(series: readonly SeriesExemplars[]): void {
  if (series.reduce((sum, { exemplars: { length } }) => sum + length, 0) > LIMITS.queryExemplarsMax) throw tooManyExemplars();
}

function tooManyExemplars(): VarveError {
  return new VarveError('limit', `more than ${LIMITS.queryExemplarsMax} exemplars match (queryExemplarsMax is ${LIMITS.queryExemplarsMax}): ask for less time or fewer series`);
}

async function archivedExemplars({ archive }: TenantShards, { selectors, startMs, endMs }: Omit<ArchivedExemplarsRequest, 'exemplarsMax'>, clock: Clock, report: ReadReport): Promise<SeriesExemplars[]> {
  if (archive === undefined || !mayBeArchived(startMs, clock)) return [];
  const request = { selectors, startMs: Math.ceil(startMs), endMs: Math.floor(endMs), exemplarsMax: LIMITS.queryExemplarsMax };
  return (await orMissed(report.cold, 'exemplars that are in the archive', () => archive.files.exemplars(request, report.cold))) ?? [];
}

function* exemplarText(series: readonly SeriesExemplars[]): Generator<string> {
  yield '[';
  let separator = '';
  for (const { labels, exemplars: found } of series) {
    const items = found.map(
      (exemplar) => `{"labels":${JSON.stringify(labelsToObject(exemplar.labels))},"value":"${formatValue(exemplar.value)}","timestamp":${formatTimestamp(exemplar.timestampMs)}}`,
    );
    yield `${separator}{"seriesLabels":${JSON.stringify(labelsToObject(labels))},"exemplars":[${items.join(',')}]}`;
    separator = ',';
  }
  yield ']';
}

function selectorsOf(expr: Expr): VectorSelector[] {
  return expr.kind === 'vector' ? [expr] : childrenOf(expr).flatMap(selectorsOf);
}
