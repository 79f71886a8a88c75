import { dropLabels, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';

/** The labels that say what a metric is, rather than which series of it. They go when a value no longer means what the metric meant. */
const METADATA_LABELS: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);

/** The labels without name, type and unit; the same array when there are none of these. */
export function withoutMetadata(labels: Labels): Labels {
  for (let i = 0; i < labels.length; i += 2) if (METADATA_LABELS.has(labels[i]!)) return dropLabels(labels, METADATA_LABELS);
  return labels;
}
