import type { Labels } from '../../storage/model/labels.ts';
import type { EngineFeatures } from './execution-context.ts';
import { withoutMetadata } from './name-labels.ts';
import type { StepColumns, StepSeries } from './step-series.ts';

/**
 * The labels of a result that is no longer the metric it was made of. With delayed removal the name stays until the end and is only marked
 * to go, so that label_replace can read it; otherwise it goes at once.
 */
export function renamed(labels: Labels, features: EngineFeatures): { readonly labels: Labels; readonly dropName: boolean } {
  if (features.delayedNameRemoval) return { labels, dropName: true };
  return { labels: withoutMetadata(labels), dropName: true };
}

/** The same of a series whose columns are made. */
export function renamedSeries(columns: StepColumns, labels: Labels, features: EngineFeatures): StepSeries {
  const result = renamed(labels, features);
  return columns.toSeries(result.labels, result.dropName);
}
