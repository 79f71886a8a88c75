import type { MetricType } from '../../storage/model/metadata.ts';
import { formatOpenMetricsFloat, parseGoFloat } from '../../storage/model/number-text.ts';

/** The label of a family's series whose value is a number in text; '' for families that have none. */
export type FloatLabel = 'le' | 'quantile' | '';

/** Prometheus has none for `gaugehistogram`. */
export function floatLabelOf(type: MetricType): FloatLabel {
  if (type === 'histogram') return 'le';
  return type === 'summary' ? 'quantile' : '';
}

/**
 * Writes the values of label `name` as Prometheus 3 does when it scrapes a text, whatever the client library wrote: `1` and `1e0` both
 * become `1.0`, `100000000` becomes `1e+08`. What is no number stays. `labels` holds name, value, …, and is changed in place.
 */
export function normalizeFloatLabel(labels: string[], name: FloatLabel): void {
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] !== name) continue;
    const value = parseGoFloat(labels[i + 1]!);
    if (value !== undefined) labels[i + 1] = formatOpenMetricsFloat(value);
  }
}
