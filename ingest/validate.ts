import { compareStrings, METRIC_NAME, type Labels } from '../storage/model/labels.ts';
import { isLongerUtf8, utf8Length } from '../storage/model/utf8-length.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';

/** What is wrong with something that was sent: a text for its sender. */
export interface Invalid {
  readonly invalid: string;
}

export type LabelLimits = Pick<typeof LIMITS, 'labelsPerSeriesMax' | 'labelNameBytesMax' | 'labelValueBytesMax'>;

/**
 * Brings a sender's labels (name, value, …) into the form of the model: sorted, unique, no empty value. Answers with what is wrong with
 * them instead, as a text for the sender.
 */
export function normalizeLabels(raw: readonly string[], limits: LabelLimits): Labels | Invalid {
  // As nearly all senders have them, each of whose series would cost a dozen small arrays otherwise.
  if (isNormal(raw)) return checked(raw, limits);
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === '') return { invalid: 'a label name is empty' };
    if (raw[i + 1] !== '') pairs.push([raw[i]!, raw[i + 1]!]);
  }
  // Before they are sorted.
  const tooMany = countProblem(pairs.length, limits);
  if (tooMany !== undefined) return { invalid: tooMany };
  return checked(pairs.sort((a, b) => compareStrings(a[0], b[0])).flat(), limits);
}

/** Whether labels are sorted and unique, and nothing in them is empty. */
function isNormal(raw: readonly string[]): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === '' || raw[i + 1] === '' || (i > 0 && compareStrings(raw[i - 2]!, raw[i]!) >= 0)) return false;
  }
  return true;
}

/** Labels that are sorted, without empty ones; or what else is wrong with them. */
function checked(labels: Labels, limits: LabelLimits): Labels | Invalid {
  const tooMany = countProblem(labels.length / 2, limits);
  if (tooMany !== undefined) return { invalid: tooMany };
  let hasMetricName = false;
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    const value = labels[i + 1]!;
    if (i > 0 && labels[i - 2] === name) return { invalid: `label name "${name}" is not unique` };
    if (isLongerUtf8(name, limits.labelNameBytesMax)) {
      return { invalid: `a label name of ${utf8Length(name)} bytes, the limit labelNameBytesMax is ${limits.labelNameBytesMax}` };
    }
    if (isLongerUtf8(value, limits.labelValueBytesMax)) {
      return { invalid: `the value of label "${name}" has ${utf8Length(value)} bytes, the limit labelValueBytesMax is ${limits.labelValueBytesMax}` };
    }
    hasMetricName ||= name === METRIC_NAME;
  }
  return hasMetricName ? labels : { invalid: `the label ${METRIC_NAME} is missing` };
}

function countProblem(labelCount: number, { labelsPerSeriesMax }: LabelLimits): string | undefined {
  return labelCount > labelsPerSeriesMax ? `${labelCount} labels, the limit labelsPerSeriesMax is ${labelsPerSeriesMax}` : undefined;
}
