import { compareStrings, METRIC_NAME, type Labels } from '../storage/model/labels.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';

export type LabelLimits = Pick<typeof LIMITS, 'labelsPerSeriesMax' | 'labelNameBytesMax' | 'labelValueBytesMax'>;

const utf8 = new TextEncoder();

/**
 * Brings a sender's labels (name, value, …) into the form of the model: sorted, unique, no empty value. Answers with what is wrong with
 * them instead, as a text for the sender.
 */
export function normalizeLabels(raw: readonly string[], limits: LabelLimits): Labels | { readonly invalid: string } {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === '') return { invalid: 'a label name is empty' };
    if (raw[i + 1] !== '') pairs.push([raw[i]!, raw[i + 1]!]);
  }
  if (pairs.length > limits.labelsPerSeriesMax) {
    return { invalid: `${pairs.length} labels, the limit labelsPerSeriesMax is ${limits.labelsPerSeriesMax}` };
  }
  pairs.sort((a, b) => compareStrings(a[0], b[0]));
  let hasMetricName = false;
  for (const [i, [name, value]] of pairs.entries()) {
    if (i > 0 && pairs[i - 1]![0] === name) return { invalid: `label name "${name}" is not unique` };
    if (isLonger(name, limits.labelNameBytesMax)) {
      return { invalid: `a label name of ${utf8.encode(name).length} bytes, the limit labelNameBytesMax is ${limits.labelNameBytesMax}` };
    }
    if (isLonger(value, limits.labelValueBytesMax)) {
      return { invalid: `the value of label "${name}" has ${utf8.encode(value).length} bytes, the limit labelValueBytesMax is ${limits.labelValueBytesMax}` };
    }
    hasMetricName ||= name === METRIC_NAME;
  }
  if (!hasMetricName) return { invalid: `the label ${METRIC_NAME} is missing` };
  return pairs.flat();
}

function isLonger(text: string, bytesMax: number): boolean {
  // A UTF-16 unit is one to three bytes of UTF-8: only what might be too long is encoded.
  return text.length * 3 > bytesMax && utf8.encode(text).length > bytesMax;
}
