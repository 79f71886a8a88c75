import type { Labels } from '../../storage/model/labels.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import type { OtlpLabels, SeriesNaming } from './otlp-labels.ts';
import type { PointParts } from './otlp-parts.ts';

const NOWHERE = -1;

/**
 * The ids of a point's series out of its attributes, for points that are not known by their bytes. The series of a histogram differ in one
 * label: the labels are made once, and only its value is hashed again for each.
 */
export class OtlpPartIds {
  readonly #labels: OtlpLabels;
  /** Ids by part, one behind the other. */
  words = new Uint32Array(SERIES_ID_WORDS * 16);
  /** By part, why it has no id. */
  readonly #refusals: (string | undefined)[] = [];
  #hasRefusals = false;

  constructor(labels: OtlpLabels) {
    this.#labels = labels;
  }

  /** Whether all parts have an id. */
  get isWhole(): boolean {
    return !this.#hasRefusals;
  }

  /** Why the part has no id, `undefined` when it has one. */
  refusal(part: number): string | undefined {
    return this.#hasRefusals ? this.#refusals[part] : undefined;
  }

  /** Of the point whose attributes are fields `field` from `start` to `end`. */
  compute(start: number, end: number, field: number, parts: PointParts, hasher: SeriesHasher): void {
    if (parts.count * SERIES_ID_WORDS > this.words.length) this.words = new Uint32Array(parts.count * SERIES_ID_WORDS * 2);
    this.#refusals.length = 0;
    this.#hasRefusals = false;
    let label = '';
    let valueIndex = NOWHERE;
    for (let part = 0; part < parts.count; part++) {
      const naming = parts.naming(part);
      if (valueIndex !== NOWHERE && naming.label === label && this.#rehash(valueIndex, naming, hasher)) {
        this.words.set(hasher.words, part * SERIES_ID_WORDS);
        continue;
      }
      const labels = this.#labels.ofSeries(start, end, field, naming);
      ({ label } = naming);
      if ('invalid' in labels) {
        this.#refusals[part] = labels.invalid;
        this.#hasRefusals = true;
        continue;
      }
      hasher.hashLabels(labels);
      this.words.set(hasher.words, part * SERIES_ID_WORDS);
      valueIndex = label === '' ? NOWHERE : valueIndexOf(labels, label);
    }
  }

  /** The id of the labels before with another value; false when the value might not be valid. */
  #rehash(valueIndex: number, naming: SeriesNaming, hasher: SeriesHasher): boolean {
    const value = naming.labelValue();
    if (!this.#labels.isShortValue(value)) return false;
    hasher.rehashLabels(valueIndex, value);
    return true;
  }
}

function valueIndexOf(labels: Labels, name: string): number {
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === name) return i + 1;
  return NOWHERE;
}
