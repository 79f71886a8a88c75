import { DecodeError } from '../proto/decode-error.ts';
import { readHistogram, type WireHistogram } from '../proto/remote-write-histogram.ts';
import { decodeRequest, readExemplar, readRefs, RequestColumns, requestReader } from '../proto/remote-write-v2.ts';
import type { WireReader } from '../proto/wire-reader.ts';
import { compareStrings, labelValue, METRIC_NAME, type Labels } from '../storage/model/labels.ts';
import { familyOfSeries, type MetadataEntry } from '../storage/model/metadata.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import { ByteKeys, UNKNOWN } from './byte-keys.ts';
import { RepeatedSeries } from './repeated-series.ts';
import { SeriesIdCache, type SeriesIdColumns } from './series-id-cache.ts';
import { NO_TABLE, SymbolTables } from './symbol-tables.ts';
import { normalizeLabels, type LabelLimits } from './validate.ts';
import type { WriteGate } from './write-gate.ts';
import { metricTypeOf, type CheckedLabels, type SentExemplar, type WriteMessages } from './write-messages.ts';

/** In `numbers`, where a symbol has none. */
const NO_NUMBER = 0;
/** Behind the numbers of its labels a series' key has the type of its metadata and the numbers of help text and unit. */
const METADATA_WORDS = 3;

/**
 * Remote write 2.0: labels are references into a table of symbols that each request brings along.
 *
 * Each symbol of a request is given a number that stays the same from request to request (ByteKeys), which in the steady state takes one
 * comparison of its bytes. A series is then recognised by the numbers of its labels, a few words where 1.0 compares all their bytes; and
 * where the whole table of symbols is one that came before, by its references as they are. Its metadata is part of what is recognised: a
 * series whose entry is known needs no look at its metadata, which has been noted already.
 */
export class WriteMessagesV2 implements WriteMessages {
  readonly columns: RequestColumns;
  readonly #limits: typeof LIMITS;
  readonly #gate: Pick<WriteGate, 'storedLabels'>;
  #labelLimits: LabelLimits;
  readonly #clock: Clock;
  readonly #symbols: ByteKeys;
  readonly #series: SeriesIdCache;
  readonly #tables: SymbolTables;
  readonly #repeated: RepeatedSeries;
  /** Number of each symbol of the request. */
  #numbers = new Uint32Array(4096);
  /** The numbers of the series that is looked up. */
  readonly #key: Uint32Array;
  readonly #keyView: DataView;
  /** Of series that have an entry but whose metadata is not yet known to be stored, by tenant: a request that was given up must not lose it. */
  readonly #unnoted = new WeakMap<SeriesHasher, Map<string, MetadataEntry>>();
  #reader: WireReader = requestReader(new Uint8Array(0));
  #plain = new Uint8Array(0);
  #knownSinceMs = 0;

  constructor(limits: typeof LIMITS, clock: Clock, gate: Pick<WriteGate, 'storedLabels'>) {
    this.#limits = limits;
    this.#gate = gate;
    this.#labelLimits = limits;
    this.#clock = clock;
    this.columns = new RequestColumns(limits.writeEntriesMax);
    this.#symbols = new ByteKeys(limits.symbolCacheEntriesMax, limits.symbolCacheBytesMax);
    this.#series = new SeriesIdCache(limits.seriesIdCacheEntriesMax, limits.seriesIdCacheBytesMax);
    this.#tables = new SymbolTables(limits.symbolCacheEntriesMax);
    this.#repeated = new RepeatedSeries(limits.seriesIdCacheEntriesMax, limits.seriesIdCacheBytesMax / 4);
    this.#key = new Uint32Array(limits.labelsPerSeriesMax * 2 + METADATA_WORDS);
    this.#keyView = new DataView(this.#key.buffer);
  }

  decode(plain: Uint8Array, limits: LabelLimits): void {
    this.#labelLimits = limits;
    this.#plain = plain as Uint8Array<ArrayBuffer>;
    this.#reader = requestReader(plain);
    decodeRequest(plain, this.columns);
  }

  lookUpIds(hasher: SeriesHasher, ids: SeriesIdColumns, refuse: (series: number, reason: () => string) => void): void {
    this.#forgetWhatIsOld();
    this.#numberSymbols(hasher);
    const { seriesCount, symbolCount, histograms, exemplars, sampleStart, refsStart, refsEnd, metadataType, helpRef, unitRef } = this.columns;
    const table = this.#tables.idOf(hasher, this.#numbers, symbolCount);
    const repeated = this.#repeated;
    const view = this.#reader.view;
    this.#series.begin(hasher);
    repeated.begin(hasher, table);
    let histogram = 0;
    let exemplar = 0;
    for (let index = 0; index < seriesCount; index++) {
      const hasSamples = sampleStart[index + 1]! > sampleStart[index]!;
      const firstHistogram = histogram;
      while (histogram < histograms.count && histograms.series[histogram] === index) histogram++;
      const hasHistograms = histogram > firstHistogram;
      const firstExemplar = exemplar;
      while (exemplar < exemplars.count && exemplars.series[exemplar] === index) exemplar++;
      ids.isRefused[index] = 0;
      let invalid: string | undefined;
      const start = refsStart[index]!;
      const end = refsEnd[index]!;
      const type = metadataType[index]!;
      const help = helpRef[index]!;
      const unit = unitRef[index]!;
      if (table === NO_TABLE) invalid = this.#lookUp(hasher, index, !hasSamples && hasHistograms, ids);
      else if (!repeated.find(view, start, end, type, help, unit, ids, index)) {
        invalid = this.#lookUp(hasher, index, !hasSamples && hasHistograms, ids);
        if (invalid === undefined) repeated.add(view, start, end, hasher, type, help, unit, ids, index);
      }
      if (hasHistograms && hasSamples) invalid ??= 'a series has either samples or histograms, not both';
      // Exemplars alone are not in the specification, but it is how Prometheus sends all of them: apart from the samples.
      else if (!hasHistograms && !hasSamples && exemplar === firstExemplar) invalid ??= 'a series has at least one sample or histogram';
      if (invalid === undefined) continue;
      ids.isRefused[index] = 1;
      refuse(index, reasonOf(invalid));
    }
  }

  /** The id of a series by the numbers of its symbols. What is wrong with it, if anything. */
  #lookUp(hasher: SeriesHasher, index: number, isNative: boolean, ids: SeriesIdColumns): string | undefined {
    const keyLength = this.#makeKey(index);
    const entry = keyLength === 0 ? UNKNOWN : this.#series.find(this.#keyView, 0, keyLength * 4);
    if (entry === UNKNOWN) return this.#introduce(hasher, index, keyLength, isNative, ids);
    this.#series.copyId(entry, ids, index);
    return undefined;
  }

  /**
   * What is full of what is not asked for any more is emptied, between requests: numbers must not change within one. Series entries hold
   * numbers, so they go with the symbols; and they go once in a while even so, which is when their metadata is noted again.
   */
  #forgetWhatIsOld(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#symbols.isExhausted) {
      this.#symbols.clear();
      this.#tables.clear();
    } else if (nowMs - this.#knownSinceMs < this.#limits.metadataRenewMs / 2) return;
    this.#forgetSeries();
    this.#knownSinceMs = nowMs;
  }

  #forgetSeries(): void {
    this.#series.clear();
    this.#repeated.clear();
  }

  #numberSymbols(hasher: SeriesHasher): void {
    const { symbolCount, symbolStart, symbolEnd } = this.columns;
    if (symbolCount > this.#numbers.length) this.#numbers = new Uint32Array(symbolStart.length);
    const numbers = this.#numbers;
    const symbols = this.#symbols;
    const plain = this.#plain;
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    symbols.begin(hasher);
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      const start = symbolStart[symbol]!;
      const end = symbolEnd[symbol]!;
      let number = symbols.find(view, start, end);
      if (number === UNKNOWN) number = symbols.add(view, start, end, hasher.words);
      numbers[symbol] = number === UNKNOWN ? NO_NUMBER : number;
    }
  }

  /** The numbers of a series' labels and metadata into the key; its length, 0 where the series cannot be recognised by it. */
  #makeKey(series: number): number {
    const { refsStart, refsEnd, symbolCount, metadataType, helpRef, unitRef } = this.columns;
    const bytes = this.#plain;
    const numbers = this.#numbers;
    const key = this.#key;
    const end = refsEnd[series]!;
    const lengthMax = key.length - METADATA_WORDS;
    let length = 0;
    // One look at the end: a number of 0 is no number.
    let isKnown = true;
    for (let position = refsStart[series]! | 0; position < end; ) {
      let ref = bytes[position++]!;
      if (ref >= 0x80) {
        // What is longer than three bytes is no position in a table that fits a request; the slow way says what it is.
        const second = position < end ? bytes[position++]! : 0x80;
        ref = (ref & 0x7f) | ((second & 0x7f) << 7);
        if (second >= 0x80) {
          const third = position < end ? bytes[position++]! : 0x80;
          if (third >= 0x80) return 0;
          ref |= third << 14;
        }
      }
      if (ref >= symbolCount || length >= lengthMax) return 0;
      const number = numbers[ref]!;
      if (number === NO_NUMBER) isKnown = false;
      key[length++] = number;
    }
    const type = metadataType[series]!;
    const help = helpRef[series]!;
    const unit = unitRef[series]!;
    key[length] = type;
    if ((type | help | unit) === 0) key[length + 1] = key[length + 2] = NO_NUMBER;
    else {
      if (help >= symbolCount || unit >= symbolCount) return 0;
      key[length + 1] = numbers[help]!;
      key[length + 2] = numbers[unit]!;
      if (key[length + 1] === NO_NUMBER || key[length + 2] === NO_NUMBER) isKnown = false;
    }
    return isKnown ? length + METADATA_WORDS : 0;
  }

  /** The slow way, once: read, check, hash, note the metadata. What is wrong with the series, if anything. */
  #introduce(hasher: SeriesHasher, series: number, keyLength: number, isNative: boolean, ids: SeriesIdColumns): string | undefined {
    const keyHash = hasher.words.slice();
    const labels = this.labels(series);
    if ('invalid' in labels) return labels.invalid;
    const invalid = this.#introduceMetadata(hasher, series, labels, isNative);
    if (invalid !== undefined) return invalid;
    hasher.hashLabels(this.#gate.storedLabels(labels));
    ids.set(series, hasher.words);
    if (keyLength > 0) this.#series.add(this.#keyView, 0, keyLength * 4, keyHash, hasher.words);
    return undefined;
  }

  #introduceMetadata(hasher: SeriesHasher, series: number, labels: Labels, isNative: boolean): string | undefined {
    const { columns } = this;
    const [type, helpRef, unitRef] = [columns.metadataType[series]!, columns.helpRef[series]!, columns.unitRef[series]!];
    if ((type | helpRef | unitRef) === 0) return undefined;
    let help: string;
    let unit: string;
    try {
      help = this.#symbol(helpRef);
      unit = this.#symbol(unitRef);
    } catch (error) {
      if (error instanceof DecodeError) return `metadata: ${error.message}`;
      throw error;
    }
    const metricType = metricTypeOf(type);
    const name = labelValue(labels, METRIC_NAME);
    const entry = { metric: isNative ? name : familyOfSeries(name, metricType), type: metricType, help, unit };
    let unnoted = this.#unnoted.get(hasher);
    if (unnoted === undefined) this.#unnoted.set(hasher, (unnoted = new Map()));
    unnoted.set(metadataKey(entry), entry);
    if (unnoted.size > this.#limits.metadataEntriesMax) {
      // The catalog has been away for long. Whoever comes again is introduced again.
      unnoted.clear();
      this.#forgetSeries();
    }
    return undefined;
  }

  labels(series: number): CheckedLabels {
    const { refsStart, refsEnd } = this.columns;
    const { labelsPerSeriesMax } = this.#labelLimits;
    try {
      const refs = readRefs(this.#reader, refsStart[series]!, refsEnd[series]!, labelsPerSeriesMax * 2);
      if (refs.length > labelsPerSeriesMax * 2) return { invalid: `more labels than the limit labelsPerSeriesMax of ${labelsPerSeriesMax}` };
      if (refs.length % 2 !== 0) return { invalid: `${refs.length} label references: a name without a value` };
      const labels = refs.map((ref) => this.#symbol(ref));
      const invalid = outOfForm(labels);
      return invalid === undefined ? normalizeLabels(labels, this.#labelLimits) : { invalid };
    } catch (error) {
      if (error instanceof DecodeError) return { invalid: error.message };
      throw error;
    }
  }

  #symbol(ref: number): string {
    const { symbolCount, symbolStart, symbolEnd } = this.columns;
    if (ref >= symbolCount) throw this.#reader.error(`a reference to symbol ${ref} of ${symbolCount}`);
    return this.#reader.text(symbolStart[ref]!, symbolEnd[ref]!);
  }

  startMs(series: number, sample: number): number {
    const startMs = this.columns.startsMs[sample]!;
    return startMs === 0 ? this.columns.createdMs[series]! : startMs;
  }

  histogram(index: number): WireHistogram {
    const { series, start, end } = this.columns.histograms;
    const histogram = readHistogram(this.#reader, start[index]!, end[index]!);
    if (histogram.startMs === 0) histogram.startMs = this.columns.createdMs[series[index]!]!;
    return histogram;
  }

  exemplar(index: number): SentExemplar {
    const { start, end } = this.columns.exemplars;
    const { refs, ...rest } = readExemplar(this.#reader, start[index]!, end[index]!);
    if (refs.length > this.#limits.labelsPerSeriesMax * 2) throw this.#reader.error(`an exemplar with ${refs.length} label references`);
    return { ...rest, labels: refs.map((ref) => this.#symbol(ref)) };
  }

  metadata(hasher: SeriesHasher): readonly MetadataEntry[] {
    return [...(this.#unnoted.get(hasher)?.values() ?? [])];
  }

  metadataNoted(hasher: SeriesHasher, entries: readonly MetadataEntry[]): void {
    const unnoted = this.#unnoted.get(hasher);
    for (const entry of entries) unnoted?.delete(metadataKey(entry));
  }
}

/** Apart from the loop that uses it, which must not make a closure's context for each series. */
function reasonOf(invalid: string): () => string {
  return () => invalid;
}

function metadataKey({ metric, type, help, unit }: MetadataEntry): string {
  return JSON.stringify([metric, type, help, unit]);
}

/** 2.0 leaves no freedom in how labels are sent: sorted by name, each name once, nothing empty. What is wrong, for the sender. */
function outOfForm(labels: readonly string[]): string | undefined {
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name === '') return 'a label name is empty';
    if (labels[i + 1] === '') return `the value of label "${name}" is empty`;
    const order = i === 0 ? -1 : compareStrings(labels[i - 2]!, name);
    if (order === 0) return `label name "${name}" is not unique`;
    if (order > 0) return `label "${name}" comes behind "${labels[i - 2]!}": labels must be sorted by name`;
  }
  return undefined;
}
