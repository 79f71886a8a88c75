import { DecodeError } from '../../proto/decode-error.ts';
import { readAttributes, readScopeName, readText } from '../../proto/otlp-attributes.ts';
import type { MetricHeader, MetricKind, Span } from '../../proto/otlp-metrics.ts';
import { compareStrings, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import type { MetadataEntry, MetricType } from '../../storage/model/metadata.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { OtlpOptions } from '../../storage/runtime/otlp-options.ts';
import { normalizeLabels, type Invalid } from '../validate.ts';
import { labelName, metricName, NAMING, unitName, type OtlpNaming } from './otlp-names.ts';

const SERVICE_NAME = 'service.name';
const SERVICE_NAMESPACE = 'service.namespace';
const SERVICE_INSTANCE = 'service.instance.id';
const IDENTIFYING: ReadonlySet<string> = new Set([SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE]);

/** Field numbers of attributes in the messages Resource and InstrumentationScope. */
const RESOURCE_ATTRIBUTES = 1;
const SCOPE_ATTRIBUTES = 3;

const METRIC_TYPES: Readonly<Record<MetricKind, MetricType>> = {
  gauge: 'gauge',
  sum: 'counter',
  histogram: 'histogram',
  'exponential-histogram': 'histogram',
  summary: 'summary',
};

/** What tells the series of one data point from each other. */
export interface SeriesNaming {
  /** Behind the metric's name: `_sum` and so on. */
  readonly suffix: string;
  /** `le` or `quantile` with its value; an empty name for none. */
  readonly label: string;
  readonly labelValue: () => string;
}

type Attributes = readonly (readonly [key: string, value: string])[];

/**
 * Labels of OTLP series. It is told which resource, scope and metric the walk is in, and makes strings only when it is asked for labels:
 * what a resource or a metric has in common is read once while the walk is in it.
 */
export class OtlpLabels {
  readonly #options: OtlpOptions;
  /** Of the tenant whose message it is. */
  #limits: typeof LIMITS;
  readonly #storedLabels: (labels: Labels) => Labels;
  readonly #naming: OtlpNaming;
  readonly #promoted: ReadonlySet<string>;
  readonly #ignored: ReadonlySet<string>;
  #bytes: Uint8Array = new Uint8Array(0);
  #resourceSpan: Span = { start: 0, end: 0 };
  #scopeSpan: Span = { start: 0, end: 0 };
  #schemaUrlSpan: Span = { start: 0, end: 0 };
  #metric: MetricHeader | undefined;
  #resource: Attributes | undefined;
  /** Labels that all series of the scope share: those promoted only where a point has no attribute of the name, the others always. */
  #promotedLabels: readonly (readonly [string, string])[] | undefined;
  #fixedLabels: readonly (readonly [string, string])[] = [];
  #name: string | undefined;
  #point: ReadonlyMap<string, string> | undefined;
  #pointStart = 0;
  #pointEnd = 0;

  /** `storedLabels` makes of a series' labels those that it is stored with (WriteGate). */
  constructor(options: OtlpOptions, limits: typeof LIMITS, storedLabels: (labels: Labels) => Labels) {
    this.#options = options;
    this.#limits = limits;
    this.#storedLabels = storedLabels;
    this.#naming = NAMING[options.translation];
    this.#promoted = new Set(options.promoteResourceAttributes);
    this.#ignored = new Set(options.ignoreResourceAttributes);
  }

  beginMessage(bytes: Uint8Array, limits: typeof LIMITS): void {
    this.#bytes = bytes;
    this.#limits = limits;
    this.#point = undefined;
  }

  beginResource({ start, end }: Span): void {
    this.#resourceSpan = { start, end };
    this.#resource = this.#promotedLabels = this.#point = undefined;
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    this.#scopeSpan = { start: scope.start, end: scope.end };
    this.#schemaUrlSpan = { start: schemaUrl.start, end: schemaUrl.end };
    this.#promotedLabels = this.#point = undefined;
  }

  beginMetric(metric: MetricHeader): void {
    this.#metric = metric;
    this.#name = undefined;
  }

  /** The labels of a series of a point, whose attributes are fields `field` from `start` to `end`; or what is wrong with them. */
  ofSeries(start: number, end: number, field: number, naming: SeriesNaming): Labels | Invalid {
    return this.#checked(() => {
      const labels = new Map(this.#ofPoint(start, end, field));
      labels.set(METRIC_NAME, this.#metricName() + naming.suffix);
      if (naming.label !== '') labels.set(naming.label, naming.labelValue());
      return labels;
    });
  }

  /** Whether a label's value is short enough without looking closer: texts have up to three bytes a UTF-16 unit. */
  isShortValue(value: string): boolean {
    return value.length * 3 <= this.#limits.labelValueBytesMax;
  }

  /**
   * The labels of the resource's `target_info`, `undefined` when it has none: it takes a job or an instance to join it by, and an attribute
   * that these do not say already.
   */
  ofTargetInfo(): Labels | Invalid | undefined {
    let hasInfo = false;
    const labels = this.#checked(() => {
      const resource = this.#resourceAttributes();
      hasInfo = resource.some(([key]) => !IDENTIFYING.has(key));
      const kept = this.#options.keepIdentifyingResourceAttributes ? resource : resource.filter(([key]) => !IDENTIFYING.has(key));
      const target = this.#ofAttributes(kept);
      for (const [name, value] of identity(resource)) target.set(name, value);
      hasInfo &&= target.has('job') || target.has('instance');
      target.set(METRIC_NAME, 'target_info');
      return target;
    });
    return hasInfo ? labels : undefined;
  }

  /** The labels that the series of a point have in common, and its resource's attributes where they say nothing; `undefined` when these cannot be read. */
  ofSender(start: number, end: number, field: number): Labels | undefined {
    try {
      const labels = this.#ofAttributes(this.#resourceAttributes());
      for (const [name, value] of this.#ofPoint(start, end, field)) if (value !== '') labels.set(name, value);
      return [...labels].sort((a, b) => compareStrings(a[0], b[0])).flat();
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  /** What the metric says of its family, `undefined` when its name or texts cannot be used. */
  metadata(): MetadataEntry | undefined {
    const metric = this.#metric!;
    try {
      return {
        metric: this.#metricName(),
        type: metric.kind === 'sum' && !metric.isMonotonic ? 'gauge' : METRIC_TYPES[metric.kind],
        help: this.#text(metric.description),
        unit: unitName(this.#text(metric.unit), this.#naming),
      };
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  /** The metric's name as the sender wrote it, for messages. */
  sentName(): string {
    try {
      return JSON.stringify(this.#text(this.#metric!.name).slice(0, 100));
    } catch {
      return 'with a name that is not UTF-8';
    }
  }

  /** Labels of an exemplar from its attributes, whose names are translated like others. */
  ofExemplar(attributes: readonly string[]): Map<string, string> {
    return this.#ofAttributes(pairs(attributes));
  }

  #checked(make: () => Map<string, string>): Labels | Invalid {
    try {
      const labels = normalizeLabels([...make()].flat(), this.#limits);
      return 'invalid' in labels ? labels : this.#storedLabels(labels);
    } catch (error) {
      if (error instanceof DecodeError) return { invalid: error.message };
      throw error;
    }
  }

  /** What the series of a point have in common: it is asked for once a bucket. */
  #ofPoint(start: number, end: number, field: number): ReadonlyMap<string, string> {
    if (this.#point !== undefined && this.#pointStart === start && this.#pointEnd === end) return this.#point;
    const labels = this.#ofAttributes(this.#attributes(start, end, field));
    this.#addShared(labels);
    this.#pointStart = start;
    this.#pointEnd = end;
    return (this.#point = labels);
  }

  /** Names that become the same have their values joined, in the order of the original names. */
  #ofAttributes(attributes: Attributes): Map<string, string> {
    const labels = new Map<string, string>();
    for (const [key, value] of [...attributes].sort((a, b) => compareStrings(a[0], b[0]))) {
      if (key === METRIC_NAME) continue;
      const name = this.#labelName(key);
      const earlier = labels.get(name);
      labels.set(name, earlier === undefined || earlier === '' ? value : `${earlier};${value}`);
    }
    return labels;
  }

  #addShared(labels: Map<string, string>): void {
    if (this.#promotedLabels === undefined) this.#readShared();
    for (const [name, value] of this.#promotedLabels!) {
      if ((labels.get(name) ?? '') === '') labels.set(name, value);
    }
    for (const [name, value] of this.#fixedLabels) labels.set(name, value);
  }

  #readShared(): void {
    const resource = this.#resourceAttributes();
    const { promoteAllResourceAttributes: isAll } = this.#options;
    const promoted = resource.filter(([key]) => (isAll ? !this.#ignored.has(key) : this.#promoted.has(key)) && key !== METRIC_NAME);
    this.#fixedLabels = [...this.#scopeLabels(), ...identity(resource)];
    this.#promotedLabels = promoted.map(([key, value]) => [this.#labelName(key), value] as const);
  }

  #scopeLabels(): (readonly [string, string])[] {
    if (!this.#options.promoteScopeMetadata) return [];
    const { start, end } = this.#scopeSpan;
    const { name, version } = readScopeName(this.#bytes, start, end);
    if (name === '') return [];
    const attributes = this.#attributes(start, end, SCOPE_ATTRIBUTES).map(([key, value]) => [this.#labelName(`otel_scope_${key}`), value] as const);
    return [...attributes, ['otel_scope_name', name], ['otel_scope_version', version], ['otel_scope_schema_url', this.#text(this.#schemaUrlSpan)]];
  }

  #resourceAttributes(): Attributes {
    const { start, end } = this.#resourceSpan;
    return (this.#resource ??= this.#attributes(start, end, RESOURCE_ATTRIBUTES));
  }

  #attributes(start: number, end: number, field: number): Attributes {
    const { otlpAttributesBytesMax: bytesMax, otlpDepthMax } = this.#limits;
    if (end - start > bytesMax) throw new DecodeError(`attributes of ${end - start} bytes, the limit otlpAttributesBytesMax is ${bytesMax}`);
    return pairs(readAttributes(this.#bytes, start, end, field, otlpDepthMax));
  }

  #metricName(): string {
    if (this.#name !== undefined) return this.#name;
    const metric = this.#metric!;
    const named = metric.kind === 'gauge' ? 'gauge' : metric.kind === 'sum' && metric.isMonotonic ? 'monotonic-sum' : 'other';
    const name = metricName(this.#text(metric.name), this.#text(metric.unit), named, this.#naming);
    if (name === undefined) throw new DecodeError(`the metric ${this.sentName()} has no character that a name can have`);
    return (this.#name = name);
  }

  #labelName(attribute: string): string {
    const name = labelName(attribute, this.#naming);
    if (name === undefined) throw new DecodeError(`an attribute named ${JSON.stringify(attribute)} has no character that a label name can have`);
    return name;
  }

  #text({ start, end }: Span): string {
    return readText(this.#bytes, start, end);
  }
}

/** `job` and `instance`, as far as the resource says them. */
function identity(resource: Attributes): (readonly [string, string])[] {
  const valueOf = (key: string): string | undefined => resource.find(([other]) => other === key)?.[1];
  const [name, namespace, instance] = [valueOf(SERVICE_NAME), valueOf(SERVICE_NAMESPACE), valueOf(SERVICE_INSTANCE)];
  const labels: [string, string][] = [];
  if (name !== undefined) labels.push(['job', namespace === undefined ? name : `${namespace}/${name}`]);
  if (instance !== undefined) labels.push(['instance', instance]);
  return labels;
}

function pairs(flat: readonly string[]): Attributes {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[i * 2]!, flat[i * 2 + 1]!] as const);
}
