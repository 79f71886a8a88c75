import { dropLabels, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { EngineFeatures } from './execution-context.ts';

/** The labels that say what a metric is, rather than which series of it. They go when a value no longer means what the metric meant. */
const METADATA_LABELS: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);
const NAME_ONLY: ReadonlySet<string> = new Set([METRIC_NAME]);

export function metadataLabels(features: EngineFeatures): ReadonlySet<string> {
  return features.typeAndUnitLabels ? METADATA_LABELS : NAME_ONLY;
}

/** The labels without name, type and unit; the same array when there are none of these. */
export function withoutMetadata(labels: Labels, features: EngineFeatures): Labels {
  const names = metadataLabels(features);
  for (let i = 0; i < labels.length; i += 2) if (names.has(labels[i]!)) return dropLabels(labels, names);
  return labels;
}
