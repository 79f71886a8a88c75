import { METRIC_NAME, labelValue, type Labels } from '../model/labels.ts';
import { isLongerUtf8, utf8Length } from '../model/utf8-length.ts';
import { badData } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { durationText } from './duration.ts';
import { shown } from './shown.ts';

/** A roll-up series carries the key's name, the width of its buckets and which aggregate it is; sample timestamps are bucket starts. */
export const ROLLUP_LABEL = '__rollup__';
const AGGREGATE_LABEL = '__aggregate__';

/** The series of a key: its name and nothing else. A key is any well-formed Unicode text but the empty one. */
export function keyLabels(key: string): Labels {
  if (typeof key !== 'string' || key === '') throw badData(`a key is a text that is not empty, got ${shown(key)}`);
  // UTF-8 has no unpaired surrogates: two keys that differ in one would become the same.
  if (!key.isWellFormed()) throw badData(`the key ${JSON.stringify(key.slice(0, 100))} is not well-formed Unicode: it has half of a surrogate pair`);
  if (isLongerUtf8(key, LIMITS.labelValueBytesMax)) throw badData(`a key of ${utf8Length(key)} bytes, the limit labelValueBytesMax is ${LIMITS.labelValueBytesMax}`);
  return [METRIC_NAME, key];
}

/** The series of an aggregate in buckets of a width (ms). */
export function rollupLabels(key: string, bucketMs: number, aggregate: string): Labels {
  return [AGGREGATE_LABEL, aggregate, METRIC_NAME, key, ROLLUP_LABEL, durationText(bucketMs)];
}

/** What a series of the store is. */
export interface SeriesRole {
  readonly key: string;
  /** Undefined for the key's own series. */
  readonly rollup: { readonly bucket: string; readonly aggregate: string } | undefined;
}

/** What a series is: the values of a key, or a roll-up of them. */
export function roleOf(labels: Labels): SeriesRole {
  const bucket = labelValue(labels, ROLLUP_LABEL);
  const key = labelValue(labels, METRIC_NAME);
  return { key, rollup: bucket === '' ? undefined : { bucket, aggregate: labelValue(labels, AGGREGATE_LABEL) } };
}
