import type { RequestColumns } from '../../proto/remote-write-v2.ts';
import { METRIC_NAME } from '../../storage/model/labels.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import type { LabelLimits } from '../validate.ts';
import type { SymbolNumbers } from './symbol-numbers.ts';

/** Of a label: a field with its name and its value, each a field too. Lengths are one byte. */
const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;
/** No label has the name yet. */
const NOWHERE = -1;

/**
 * Ids of series that are not known, without making strings: of those whose labels are in the model's form already, in ASCII. So senders of more
 * series than are remembered, or of ever new ones, cost a few times as much as others and not dozens. Of anything else the answer is false, and
 * whoever parses the labels finds out what it is.
 */
export class QuickIds {
  /** Of each name and value, its hash. */
  readonly #fold: Uint32Array;
  readonly #foldView: DataView;
  readonly #nameBytes = new TextEncoder().encode(METRIC_NAME);

  /** Series with more labels are for others. */
  constructor(labelsMax: number) {
    this.#fold = new Uint32Array(labelsMax * 2 * SERIES_ID_WORDS);
    this.#foldView = new DataView(this.#fold.buffer);
  }

  /** The id of the series with the label fields of 1.0 from `start` to `end` into the hasher's words. */
  ofFields(hasher: SeriesHasher, view: DataView, start: number, end: number, limits: LabelLimits): boolean {
    // Then no length has more than a byte.
    if (!isAscii(view, start, end)) return false;
    let texts = 0;
    let hasName = false;
    let lastStart = NOWHERE;
    let lastEnd = NOWHERE;
    for (let position = start; position < end; ) {
      if (texts === limits.labelsPerSeriesMax * 2 || texts === this.#fold.length / SERIES_ID_WORDS || position + 6 > end) return false;
      const labelEnd = position + 2 + view.getUint8(position + 1);
      const nameStart = position + 4;
      const nameEnd = nameStart + view.getUint8(position + 3);
      const valueStart = nameEnd + 2;
      if (view.getUint8(position) !== LABEL_TAG || view.getUint8(position + 2) !== NAME_TAG || labelEnd > end || valueStart >= labelEnd) return false;
      if (view.getUint8(nameEnd) !== VALUE_TAG || valueStart + view.getUint8(nameEnd + 1) !== labelEnd) return false;
      if (nameStart === nameEnd || nameEnd - nameStart > limits.labelNameBytesMax || labelEnd - valueStart > limits.labelValueBytesMax) return false;
      if (lastStart !== NOWHERE && !isBefore(view, lastStart, lastEnd, nameStart, nameEnd)) return false;
      hasName ||= this.#isMetricName(view, nameStart, nameEnd);
      hasher.hashSpan(view, nameStart, nameEnd);
      this.#fold.set(hasher.words, texts++ * SERIES_ID_WORDS);
      hasher.hashSpan(view, valueStart, labelEnd);
      this.#fold.set(hasher.words, texts++ * SERIES_ID_WORDS);
      [lastStart, lastEnd] = [nameStart, nameEnd];
      position = labelEnd;
    }
    if (hasName) hasher.hashSpan(this.#foldView, 0, texts * SERIES_ID_WORDS * 4);
    return hasName;
  }

  /**
   * The same of a series of 2.0, whose symbols are hashed already. Answers the reference of its metric's name, 0 where there is no such answer:
   * the symbol there is empty.
   */
  ofRefs(hasher: SeriesHasher, view: DataView, columns: RequestColumns, symbols: SymbolNumbers, series: number, limits: LabelLimits): number {
    const { refsStart, refsEnd, symbolStart, symbolEnd, symbolCount } = columns;
    const end = refsEnd[series]!;
    let texts = 0;
    let nameRef = 0;
    let isMetricName = false;
    let last = NOWHERE;
    for (let position = refsStart[series]!; position < end; texts++) {
      let ref = view.getUint8(position++);
      if (ref >= 0x80) {
        const second = position < end ? view.getUint8(position++) : 0x80;
        if (second >= 0x80) return 0;
        ref = (ref & 0x7f) | (second << 7);
      }
      if (texts === limits.labelsPerSeriesMax * 2 || ref >= symbolCount || (texts + 1) * SERIES_ID_WORDS > this.#fold.length) return 0;
      const length = symbolEnd[ref]! - symbolStart[ref]!;
      if (length === 0 || !symbols.copyHash(ref, this.#fold, texts * SERIES_ID_WORDS)) return 0;
      if ((texts & 1) === 0) {
        if (length > limits.labelNameBytesMax) return 0;
        if (last !== NOWHERE && !isBefore(view, symbolStart[last]!, symbolEnd[last]!, symbolStart[ref]!, symbolEnd[ref]!)) return 0;
        isMetricName = this.#isMetricName(view, symbolStart[ref]!, symbolEnd[ref]!);
        last = ref;
      } else {
        if (length > limits.labelValueBytesMax) return 0;
        if (isMetricName) nameRef = ref;
      }
    }
    if ((texts & 1) !== 0) return 0;
    if (nameRef !== 0) hasher.hashSpan(this.#foldView, 0, texts * SERIES_ID_WORDS * 4);
    return nameRef;
  }

  #isMetricName(view: DataView, start: number, end: number): boolean {
    const name = this.#nameBytes;
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (view.getUint8(start + i) !== name[i]) return false;
    return true;
  }
}

/** Whether one name comes before another, in the order of their bytes. */
function isBefore(view: DataView, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  const length = Math.min(end - start, otherEnd - otherStart);
  for (let i = 0; i < length; i++) {
    const order = view.getUint8(start + i) - view.getUint8(otherStart + i);
    if (order !== 0) return order < 0;
  }
  return end - start < otherEnd - otherStart;
}

function isAscii(view: DataView, start: number, end: number): boolean {
  let position = start;
  for (; position + 4 <= end; position += 4) if ((view.getInt32(position, true) & 0x80808080) !== 0) return false;
  for (; position < end; position++) if (view.getUint8(position) >= 0x80) return false;
  return true;
}
