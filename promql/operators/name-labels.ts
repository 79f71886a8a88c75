import { METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';

/** The labels that say what a metric is, rather than which series of it. They go when a value no longer means what the metric meant. */
const METADATA_LABELS: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);

/** The labels without name, type and unit; the same array when there are none of these. */
export function withoutMetadata(labels: Labels): Labels {
  let kept: string[] | undefined;
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    // Hardly any other name begins so: nothing is looked up for most.
    if (name.startsWith('__') && METADATA_LABELS.has(name)) kept ??= labels.slice(0, i);
    else kept?.push(name, labels[i + 1]!);
  }
  return kept ?? labels;
}
