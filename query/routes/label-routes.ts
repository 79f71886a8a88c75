import { Hono, type Context } from 'hono';
import { badData } from '../../storage/runtime/errors.ts';
import { answer } from '../answer.ts';
import { aboutParameter, booleanParameter, limitParameter, selectorParameters, timeParameter } from '../parameters.ts';
import { DATA_BEGINS, endText, streamedAsync, success, successOf, TRUNCATED } from '../respond.ts';
import { wirePathOf } from '../s3/object-path.ts';
import { labelNames, labelValues, type LabelsQuery, type StringsAnswer } from '../source/label-fan-out.ts';
import { ReadReport } from '../source/read-report.ts';
import { SeriesMerge } from '../source/series-fan-out.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { TIME_MS_MAX } from '../time-text.ts';

/** Label names, label values and label sets of Prometheus' HTTP API, to be mounted at `/api/v1`. GET and POST forms are one and the same. */
export function labelRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  const both = ['GET', 'POST'];
  routes.on(both, '/labels', (context) => answer(context, (parameters) => labels(services, context, parameters)));
  routes.get('/label/:name/values', (context) => answer(context, (parameters) => values(services, context, parameters)));
  routes.on(both, '/series', (context) => answer(context, (parameters) => series(services, context, parameters)));
  return routes;
}

async function labels(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const query = labelsQuery(parameters, selectorParameters);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  if (isOfNoTime(query)) return success([]);
  return stringsAnswer(await labelNames(await openTenant(services, context), query, services.clock, report), report);
}

async function values(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const name = labelNameOf(context.req.raw);
  const query = labelsQuery(parameters, selectorParameters);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  if (isOfNoTime(query)) return success([]);
  return stringsAnswer(await labelValues(await openTenant(services, context), name, query, services.clock, report), report);
}

function stringsAnswer(found: StringsAnswer, report: ReadReport): Response {
  return successOf(found.json(), { warnings: warningsOf(report, found.truncated) });
}

async function series(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  if (parameters.getAll('match[]').length === 0) throw badData('no match[] parameter provided');
  // Only here Prometheus names the parameter.
  const query = labelsQuery(parameters, () => aboutParameter('match[]', () => selectorParameters(parameters)));
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  if (isOfNoTime(query)) return success([]);
  const found = await SeriesMerge.open(await openTenant(services, context), query, services.clock, report);
  let begin = `${DATA_BEGINS}[`;
  return streamedAsync(async (text, bytesTarget) => {
    text.ascii(begin);
    begin = '';
    if (await found.write(text, bytesTarget)) return true;
    text.ascii(']');
    for (const part of endText({ warnings: warningsOf(report, found.isTruncated) })) text.text(part);
    return false;
  });
}

function warningsOf(report: ReadReport, isTruncated: boolean): string[] {
  return isTruncated ? [...report.warnings, TRUNCATED] : report.warnings;
}

function labelsQuery(parameters: URLSearchParams, selectors: typeof selectorParameters): LabelsQuery {
  const limit = limitParameter(parameters);
  const startMs = timeParameter(parameters, 'start', -TIME_MS_MAX);
  const endMs = timeParameter(parameters, 'end', TIME_MS_MAX);
  return { selectors: selectors(parameters), startMs, endMs, limit };
}

/** Prometheus does not take an end before the start amiss here, unlike that of a query. */
function isOfNoTime({ startMs, endMs }: LabelsQuery): boolean {
  return endMs < startMs;
}

/** The label name of `/label/:name/values`. Read from the URL itself: the router leaves bytes that are no UTF-8 as they are. */
function labelNameOf(request: Request): string {
  const segment = wirePathOf(request.url).split('/').at(-2) ?? '';
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw badData(`invalid label name: ${JSON.stringify(segment)}`);
  }
  name = unescapeName(name);
  if (name === '') throw badData('invalid label name: ""');
  return name;
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
