import { sortStrings } from '../../model/labels.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { LruCache } from '../../runtime/lru-cache.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import type { LabelsShardRequest, SeriesShardAnswer, StringsShardAnswer } from '../shard-api.ts';
import { cut } from './cut-answer.ts';
import { firstBehind } from './select.ts';
import { findInRange, selectInRange, type RangeSources } from './series-in-range.ts';
import { writeSeriesPage } from './series-page.ts';

type LabelLimits = Pick<typeof LIMITS, 'labelStringsCacheBytesMax' | 'labelStringsBytesMax' | 'seriesPageBytesTarget'>;

/** All names, or all values of one label, of an index that had this many. */
interface KnownStrings {
  readonly index: SeriesIndex;
  readonly strings: readonly string[];
  readonly json: Uint8Array;
}

/** What an entry takes beside its texts: objects, and its place in the map. */
const ENTRY_BYTES = 256;

/** Of LABELS_RPC_VERSION: whoever asks by an older one is answered with lists. */
const PACKED_SINCE = 2;

/** Stands for the label names themselves; no label has this name. */
const NAMES = '';

const utf8 = new TextEncoder();
const NO_STRINGS = utf8.encode('[]');

/**
 * Answers of label requests. What all series have is kept ready as the bytes of the answer: names and values are only ever added, so it is
 * good for as long as their number is the same.
 */
export class LabelAnswers {
  readonly #sources: RangeSources;
  readonly #limits: LabelLimits;
  readonly #known: LruCache<string, KnownStrings>;

  constructor(sources: RangeSources, limits: LabelLimits) {
    this.#sources = sources;
    this.#limits = limits;
    this.#known = new LruCache(limits.labelStringsCacheBytesMax);
  }

  names(request: LabelsShardRequest): StringsShardAnswer {
    return this.#answer(NAMES, request);
  }

  values(name: string, request: LabelsShardRequest): StringsShardAnswer {
    return name === NAMES ? this.#packed([], request) : this.#answer(name, request);
  }

  series(request: LabelsShardRequest): SeriesShardAnswer {
    const { index } = this.#sources.series;
    const refs = index.sortByLabels(selectInRange(this.#sources, request) ?? index.select([]));
    if (request.version < PACKED_SINCE) {
      const { values, truncated } = cut(refs, request.limit);
      return { status: 'series', series: values.map((ref) => index.labelsOf(ref)), truncated };
    }
    const start = request.after === undefined ? 0 : firstBehind(index, refs, request.after);
    const wanted = request.limit > 0 && start + request.limit < refs.length ? refs.slice(0, start + request.limit) : refs;
    const { seriesPageBytesTarget } = this.#limits;
    const { page, end } = writeSeriesPage(index, wanted, start, Math.min(request.pageBytesTarget ?? Infinity, seriesPageBytesTarget));
    return { status: 'page', page, more: end < refs.length };
  }

  #answer(name: string, request: LabelsShardRequest): StringsShardAnswer {
    const { index } = this.#sources.series;
    const { refs, isIn } = findInRange(this.#sources, request);
    if (refs !== undefined) return this.#packed(sortStrings(name === NAMES ? index.labelNames(refs) : index.labelValues(name, refs)), request);
    if (isIn !== undefined) return this.#packed(sortStrings(name === NAMES ? index.labelNamesIn(isIn) : index.labelValuesIn(name, isIn)), request);
    const known = this.#all(name);
    if (request.version < PACKED_SINCE || (request.limit > 0 && known.strings.length > request.limit)) return this.#packed(known.strings, request);
    return this.#checked(known.json, false);
  }

  #all(name: string): KnownStrings {
    const { index } = this.#sources.series;
    const count = name === NAMES ? index.labelNameCount : index.labelValueCount(name);
    const known = this.#known.get(name);
    if (known !== undefined && known.index === index && known.strings.length === count) return known;
    // A name that nobody has is quickly answered, and there is no end of those: none is kept.
    if (count === 0) return { index, strings: [], json: NO_STRINGS };
    const strings = sortStrings(name === NAMES ? index.labelNames(undefined) : index.labelValues(name, undefined));
    const made = { index, strings, json: utf8.encode(JSON.stringify(strings)) };
    // The strings are the index's own; here is a reference to each.
    this.#known.set(name, made, ENTRY_BYTES + name.length * 2 + made.json.length + strings.length * 8);
    return made;
  }

  #packed(sorted: readonly string[], { version, limit }: LabelsShardRequest): StringsShardAnswer {
    const { values, truncated } = cut(sorted, limit);
    return version < PACKED_SINCE ? { status: 'values', values, truncated } : this.#checked(utf8.encode(JSON.stringify(values)), truncated);
  }

  #checked(json: Uint8Array, truncated: boolean): StringsShardAnswer {
    const { labelStringsBytesMax } = this.#limits;
    if (json.length <= labelStringsBytesMax) return { status: 'strings', json, truncated };
    return { status: 'refused', message: `the answer takes ${json.length} bytes, the limit labelStringsBytesMax is ${labelStringsBytesMax}: ask for fewer with match[] or limit` };
  }
}

const utf8Decoder = new TextDecoder();

/** The strings of an answer of either version that is no refusal. */
export function stringsOf(answer: Exclude<StringsShardAnswer, { readonly status: 'refused' }>): readonly string[] {
  return answer.status === 'values' ? answer.values : (JSON.parse(utf8Decoder.decode(answer.json)) as readonly string[]);
}
