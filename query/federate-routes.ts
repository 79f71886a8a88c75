import { Hono, type Context } from 'hono';
import type { RawSeries } from '../promql/series-source.ts';
import { compareLabels, compareStrings, isLegacyLabelName, labelValue, METRIC_NAME, type Labels } from '../storage/model/labels.ts';
import type { Matcher } from '../storage/model/matcher.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { answer } from './answer.ts';
import { selectorParameters } from './parameters.ts';
import { formatValue } from './result-json.ts';
import { HotSource } from './shard-fan-out.ts';
import { openTenant, type TenantServices } from './tenant.ts';

export interface FederateServices extends TenantServices {
  readonly clock: Clock;
}

/** `/federate`, at the root: the newest sample of each series that `match[]` selects, for another Prometheus to scrape. */
export function federateRoutes(services: FederateServices): Hono {
  const routes = new Hono();
  routes.get('/federate', (context) => answer(context, (parameters) => federate(services, context, parameters)));
  return routes;
}

interface Line {
  readonly name: string;
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
}

async function federate(services: FederateServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const selectors = selectorParameters(parameters);
  if (selectors.length === 0) throw badData('no match[] parameter provided');
  const lines = await newest(await openTenant(services, context), selectors, services.clock.nowMs(), context.req.raw.signal);
  return new Response(exposition(lines), { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8' } });
}

/**
 * By metric name, then labels: of each series the newest sample within the look-back, unless that is a stale marker. Histograms have no
 * place in the text format, and Prometheus leaves them out of it too. A shard that cannot be read fails the scrape.
 */
async function newest(shards: TenantShards, selectors: readonly (readonly Matcher[])[], nowMs: number, signal: AbortSignal): Promise<Line[]> {
  const source = new HotSource(shards, LIMITS.querySamplesMax);
  const seen = new Set<string>();
  const lines: Line[] = [];
  for (const matchers of selectors) {
    for await (const series of source.select({ matchers, startMs: nowMs - LIMITS.lookbackMs + 1, endMs: nowMs }, signal)) {
      const key = series.labels.join('\0');
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > LIMITS.querySeriesMax) throw new VarveError('limit', `match[] selects too many series (querySeriesMax is ${LIMITS.querySeriesMax})`);
      const line = lastOf(series);
      if (line !== undefined) lines.push(line);
    }
  }
  return lines.sort((a, b) => compareStrings(a.name, b.name) || compareLabels(a.labels, b.labels));
}

function lastOf({ labels, timestampsMs, values, isStale, histograms }: RawSeries): Line | undefined {
  const last = values.length - 1;
  if (isStale?.[last] === 1 || histograms?.[last] !== undefined) return undefined;
  return { name: labelValue(labels, METRIC_NAME), labels, timestampMs: timestampsMs[last]!, value: values[last]! };
}

/** Prometheus' text format with timestamps. Types are not stored with the samples: all are untyped, as Prometheus federates them. */
function exposition(lines: readonly Line[]): string {
  let text = '';
  let family: string | undefined;
  for (const { name, labels, timestampMs, value } of lines) {
    if (name === '') continue;
    const isPlain = isLegacyMetricName(name);
    if (name !== family) {
      family = name;
      text += `# TYPE ${isPlain ? name : quoted(name)} untyped\n`;
    }
    const pairs = isPlain ? [] : [quoted(name)];
    for (let i = 0; i < labels.length; i += 2) {
      if (labels[i] === METRIC_NAME) continue;
      pairs.push(`${isLegacyLabelName(labels[i]!) ? labels[i] : quoted(labels[i]!)}=${quoted(labels[i + 1]!)}`);
    }
    // Another Prometheus sets instance to the one it scrapes unless the series says that it has none.
    if (labelValue(labels, 'instance') === '') pairs.push('instance=""');
    text += `${isPlain ? name : ''}{${pairs.join(',')}} ${formatValue(value)} ${timestampMs}\n`;
  }
  return text;
}

function isLegacyMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`;
}
