import { DecodeError } from '../../proto/decode-error.ts';
import type { WireHistogram } from '../../proto/remote-write-histogram.ts';
import type { WriteColumns } from '../../proto/write-columns.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import type { SeriesHasher } from '../../storage/model/series-id.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import type { Invalid, LabelLimits } from '../validate.ts';

/** An exemplar as a sender has it: labels as name, value, …, unchecked; bits of the value; a time of 0 where none was sent. */
export interface SentExemplar {
  readonly labels: readonly string[];
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly timestampMs: number;
}

/**
 * One version of remote write, as the path that both share sees it. All but `decode` is about the message that was decoded last, and must
 * not be called across an `await`: other requests use the same columns.
 */
export interface WriteMessages {
  /** `plain` may be changed, and is used until the next call; `hasher` is the tenant's, as are `limits`, for its labels. Throws DecodeError. */
  decode(plain: Uint8Array, hasher: SeriesHasher, limits: LabelLimits): void;
  readonly columns: WriteColumns;
  /** The id of each series into `ids`, which has room for them; `refuse` hears of series that are not valid, and these have none. */
  lookUpIds(hasher: SeriesHasher, ids: SeriesIdColumns, refuse: (series: number, reason: () => string) => void): void;
  /** In the model's form, or what is wrong with them. They are as they were sent, which may not be as they are stored (write-gate.ts). */
  labels(series: number): Labels | Invalid;
  /** Start timestamp of a sample of the series, Unix ms, 0 where unknown. */
  startMs(series: number, sample: number): number;
  /** The histogram at `index` of `columns.histograms`. Throws DecodeError. */
  histogram(index: number): WireHistogram;
  /** The exemplar at `index` of `columns.exemplars`. Throws DecodeError. */
  exemplar(index: number): SentExemplar;
  /** What is to be noted of the tenant's metrics; again and again until `metadataNoted` says that it is. */
  metadata(hasher: SeriesHasher): readonly MetadataEntry[];
  metadataNoted(hasher: SeriesHasher, entries: readonly MetadataEntry[]): void;
  /** The columns are not looked at any more before the next `decode`: what a large message took is given back. */
  rest(): void;
}

/**
 * A message of which nothing is known is of the other version, whose fields have other numbers: its samples would be skipped, and the
 * sender told that all is well. What has fields of the future among known ones is another matter.
 */
export function checkKnown(isKnown: boolean, plain: Uint8Array, name: string): void {
  if (isKnown || plain.length === 0) return;
  throw new DecodeError(`nothing of ${name} is in the message, which the content type says it is`);
}

const METRIC_TYPES = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'] as const;

/** Both versions number the types alike. */
export function metricTypeOf(number: number): MetadataEntry['type'] {
  return METRIC_TYPES[number] ?? 'unknown';
}
