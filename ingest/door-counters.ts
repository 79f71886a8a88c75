import type { ErrorKind } from '../storage/runtime/errors.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { Rejections } from './rejections.ts';
import type { WriteCounts } from './write-counts.ts';

/** What any door refuses samples for. */
const REFUSAL_KINDS: readonly ErrorKind[] = ['bad-data', 'cardinality'];

/** Adds what a request has stored to the metrics of its door, each kind to its own. Those of what it refuses are there from its first request on. */
export function countStored(counters: Counters, protocol: string, { samples, histograms, exemplars }: WriteCounts): void {
  for (const kind of REFUSAL_KINDS) counters.declare('varve_ingest_rejected_samples_total', { protocol, kind });
  if (samples > 0) counters.add('varve_ingest_samples_total', { protocol }, samples);
  if (histograms > 0) counters.add('varve_ingest_histograms_total', { protocol }, histograms);
  if (exemplars > 0) counters.add('varve_ingest_exemplars_total', { protocol }, exemplars);
}

/** Adds what a request has lost, each kind of reason to its own. Of OTLP, whose doors refuse data points, these count as samples. */
export function countRefused(counters: Counters, protocol: string, { byKind }: Rejections): void {
  for (const [kind, { samples, histograms, exemplars }] of byKind) {
    if (samples + histograms > 0) counters.add('varve_ingest_rejected_samples_total', { protocol, kind }, samples + histograms);
    if (exemplars > 0) counters.add('varve_ingest_rejected_exemplars_total', { protocol, kind }, exemplars);
  }
}
