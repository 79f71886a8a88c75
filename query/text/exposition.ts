import { ProtobufExpositionWriter, type FamilyType } from '../../proto/protobuf-exposition.ts';
import { isCustomSchema, type FloatHistogram } from '../../storage/model/histogram.ts';
import { dropLabels, isLegacyLabelName, isLegacyMetricName, labelValue, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import { formatValue } from './value-text.ts';

/* Samples as a scraped server exposes them, in both of Prometheus' formats. Samples of one name must stand together. */

/** A sample with its series. */
export interface ExposedSample {
  readonly name: string;
  /** The name among them. */
  readonly labels: Labels;
  readonly timestampMs: number;
  /** Of no meaning beside a histogram. */
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

/**
 * Prometheus' text format with timestamps. Types are not stored with the samples: all are untyped, as Prometheus federates them. Histograms
 * have no place in it.
 */
export function textExposition(samples: readonly ExposedSample[]): string {
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

/** Families as delimited protobuf, native histograms included. Those with custom bounds have no place in it; a metric of two types is two families. */
export function protobufExposition(samples: readonly ExposedSample[]): Blob {
  const writer = new ProtobufExpositionWriter();
  const typeOf = ({ histogram }: ExposedSample): FamilyType => (histogram === undefined ? 'untyped' : histogram.counterResetHint === 'gauge' ? 'gauge-histogram' : 'histogram');
  let family: ExposedSample[] = [];
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

function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`;
}
