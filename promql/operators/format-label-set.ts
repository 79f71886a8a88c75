import { isLegacyLabelName } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { quoteString } from '../parser/quote.ts';

/** A label set as Prometheus' errors print it: the metric name is a label like any other. */
export function formatLabelSet(labels: Labels): string {
  const pairs: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    pairs.push(`${isLegacyLabelName(name) ? name : quoteString(name)}=${quoteString(labels[i + 1]!)}`);
  }
  return `{${pairs.join(', ')}}`;
}
