import { Hono, type Context } from 'hono';
import type { RawSeries } from '../../promql/series-source.ts';
import { PROTOBUF_EXPOSITION, ProtobufExpositionWriter, type FamilyType } from '../../proto/protobuf-exposition.ts';
import { isCustomSchema, type FloatHistogram } from '../../storage/model/histogram.ts';
import { compareLabels, compareStrings, dropLabels, isLegacyLabelName, isLegacyMetricName, labelsKey, labelValue, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { answer } from '../answer.ts';
import { selectorParameters } from '../parameters.ts';
import { TenantSource } from '../source/tenant-source.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { formatValue } from '../text/value-text.ts';

/** `/federate`, at the root: the newest sample of each series that `match[]` selects, for another Prometheus to scrape. */
export function federateRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/federate', (context) => answer(context, (parameters) => federate(services, context, parameters)));
  return routes;
}

interface Newest {
  readonly name: string;
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

async function federate(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const selectors = selectorParameters(parameters);
  if (selectors.length === 0) throw badData('no match[] parameter provided');
  const samples = await newest(await openTenant(services, context), selectors, services.clock, context.req.raw.signal);
  if (prefersProtobuf(context.req.header('accept') ?? '')) return new Response(protobufExposition(samples), { headers: { 'content-type': `${PROTOBUF_EXPOSITION}; escaping=allow-utf-8` } });
  return new Response(textExposition(samples), { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8' } });
}

/** Whether a scraper likes delimited protobuf better than text: as Prometheus asks when it scrapes native histograms. Of equals the first counts. */
export function prefersProtobuf(accept: string): boolean {
  let best: 'protobuf' | 'text' = 'text';
  let bestWeight = 0;
  for (const clause of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const parameter = (name: string): string | undefined => parameters.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
    const weight = Number(parameter('q') ?? 1);
    const isProtobuf = type === 'application/vnd.google.protobuf' && parameter('proto') === 'io.prometheus.client.metricfamily' && (parameter('encoding') ?? 'delimited') === 'delimited';
    const isText = type === 'text/plain' || type === 'text/*' || type === '*/*';
    if ((!isProtobuf && !isText) || !(weight > bestWeight)) continue;
    best = isProtobuf ? 'protobuf' : 'text';
    bestWeight = weight;
  }
  return best === 'protobuf';
}

/**
 * By metric name, then labels: of each series the newest sample within the look-back, unless that is a stale marker. A shard that cannot be
 * read fails the scrape.
 */
async function newest(shards: TenantShards, selectors: readonly (readonly Matcher[])[], clock: Clock, signal: AbortSignal): Promise<Newest[]> {
  const nowMs = clock.nowMs();
  const source = new TenantSource(shards, LIMITS.querySamplesMax, clock);
  const seen = new Set<string>();
  const found: Newest[] = [];
  for (const matchers of selectors) {
    for await (const series of source.select({ matchers, startMs: nowMs - LIMITS.lookbackMs + 1, endMs: nowMs }, signal)) {
      const key = labelsKey(series.labels);
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > LIMITS.querySeriesMax) throw new VarveError('limit', `match[] selects too many series (querySeriesMax is ${LIMITS.querySeriesMax})`);
      const sample = lastOf(series);
      if (sample !== undefined && sample.name !== '') found.push(sample);
    }
  }
  return found.sort((a, b) => compareStrings(a.name, b.name) || compareLabels(a.labels, b.labels));
}

function lastOf({ labels, timestampsMs, values, isStale, histograms }: RawSeries): Newest | undefined {
  const last = values.length - 1;
  if (isStale?.[last] === 1) return undefined;
  return { name: labelValue(labels, METRIC_NAME), labels, timestampMs: timestampsMs[last]!, value: values[last]!, histogram: histograms?.[last] };
}

/** The same in protobuf, native histograms included. Those with custom bounds have no place in it; a metric of two types is two families. */
function protobufExposition(samples: readonly Newest[]): Blob {
  const writer = new ProtobufExpositionWriter();
  const typeOf = ({ histogram }: Newest): FamilyType => (histogram === undefined ? 'untyped' : histogram.counterResetHint === 'gauge' ? 'gauge-histogram' : 'histogram');
  let family: Newest[] = [];
  const end = (): void => {
    const [first] = family;
    if (first !== undefined) writer.family(first.name, typeOf(first), family.map((sample) => ({ ...sample, labels: exposedLabels(sample.labels) })));
    family = [];
  };
  for (const sample of samples) {
    if (sample.histogram !== undefined && isCustomSchema(sample.histogram.schema)) continue;
    const [first] = family;
    if (first !== undefined && (first.name !== sample.name || typeOf(first) !== typeOf(sample))) end();
    family.push(sample);
  }
  end();
  return writer.finish();
}

/** Without the name; another Prometheus sets instance to the one it scrapes unless the series says that it has none. */
function exposedLabels(labels: Labels): Labels {
  const others = dropLabels(labels, NAME);
  return labelValue(labels, 'instance') === '' ? [...others, 'instance', ''] : others;
}

const NAME: ReadonlySet<string> = new Set([METRIC_NAME]);

/**
 * Prometheus' text format with timestamps. Types are not stored with the samples: all are untyped, as Prometheus federates them. Histograms
 * have no place in it.
 */
function textExposition(samples: readonly Newest[]): string {
  let text = '';
  let family: string | undefined;
  for (const { name, labels, timestampMs, value, histogram } of samples) {
    if (histogram !== undefined) continue;
    const isPlain = isLegacyMetricName(name);
    if (name !== family) {
      family = name;
      text += `# TYPE ${isPlain ? name : quoted(name)} untyped\n`;
    }
    const pairs = isPlain ? [] : [quoted(name)];
    const exposed = exposedLabels(labels);
    for (let i = 0; i < exposed.length; i += 2) pairs.push(`${isLegacyLabelName(exposed[i]!) ? exposed[i] : quoted(exposed[i]!)}=${quoted(exposed[i + 1]!)}`);
    text += `${isPlain ? name : ''}{${pairs.join(',')}} ${formatValue(value)} ${timestampMs}\n`;
  }
  return text;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`;
}
