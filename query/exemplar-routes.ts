import { Hono, type Context } from 'hono';
import { childrenOf, parseExpr, type Expr, type VectorSelector } from '../promql/parser/index.ts';
import { compareLabels, labelsToObject } from '../storage/model/labels.ts';
import { badData } from '../storage/runtime/errors.ts';
import { SHARD_RPC_VERSION } from '../storage/shard/shard-api.ts';
import type { SeriesExemplars } from '../storage/shard/select-exemplars.ts';
import { answer } from './answer.ts';
import { booleanParameter, queryParameter, timeParameter, TIME_MS_MAX } from './parameters.ts';
import { ReadReport } from './read-report.ts';
import { streamed, successText } from './respond.ts';
import { formatTimestamp, formatValue } from './result-json.ts';
import { askAll } from './shard-fan-out.ts';
import { openTenant, type TenantServices } from './tenant.ts';

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
  const answers = await askAll(await openTenant(services, context), (stub) => stub.selectExemplars(request), report);
  // A series lives on one shard.
  const series = answers.flatMap((shard) => shard.series).sort((a, b) => compareLabels(a.labels, b.labels));
  return streamed(successText(exemplarText(series), { warnings: report.warnings }));
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
