import type { Counters } from '../storage/runtime/metrics.ts';
import type { WriteCounts } from './rejections.ts';

/** Adds what a request has stored to the metrics of its door, each kind to its own. */
export function countStored(counters: Counters, protocol: string, { samples, histograms, exemplars }: WriteCounts): void {
  if (samples > 0) counters.add('varve_ingest_samples_total', { protocol }, samples);
  if (histograms > 0) counters.add('varve_ingest_histograms_total', { protocol }, histograms);
  if (exemplars > 0) counters.add('varve_ingest_exemplars_total', { protocol }, exemplars);
}
