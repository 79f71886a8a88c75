import { DecodeError } from '../../proto/decode-error.ts';
import { readHistogram, type WireHistogram } from '../../proto/remote-write-histogram.ts';
import { decodeRequest, readExemplar, readRefs, RequestColumns, requestReader } from '../../proto/remote-write-v2.ts';
import type { WireReader } from '../../proto/wire-reader.ts';
import { compareStrings, labelValue, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';
import { familyOfSeries, type MetadataEntry } from '../../storage/model/metadata.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import type { CacheBudget, CacheShare } from '../../storage/runtime/cache-budget.ts';
import { REMAKE_NS_PER_BYTE } from '../../storage/runtime/cache-costs.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import { normalizeLabels, type Invalid, type LabelLimits } from '../validate.ts';
import type { WriteGate } from '../write-gate.ts';
import { KnownRequests, type KnownRequest } from './known-requests.ts';
import { NumberedSeries } from './numbered-series.ts';
import { QuickIds } from './quick-ids.ts';
import { SeenMetadata } from './seen-metadata.ts';
import { NO_NUMBER, SymbolNumbers } from './symbol-numbers.ts';
import { checkKnown, metricTypeOf, type SentExemplar, type WriteMessages } from './write-messages.ts';

/**
 * Remote write 2.0: labels are references into a table of symbols that each request brings along.
 *
 * Each symbol of a request is given a number that stays the same from request to request (symbol-numbers.ts), which in the steady state takes one
 * comparison of its bytes. A series is then recognised by the numbers of its labels, a few words where 1.0 compares all their bytes. Its
 * metadata is part of what is recognised: a series whose entry is known needs no look at its metadata, which has been noted already. And a
 * request that has come before, but for its samples, is recognised as a whole (known-requests.ts).
 */
export class WriteMessagesV2 implements WriteMessages {
  columns: RequestColumns;
  readonly #limits: typeof LIMITS;
  readonly #gate: Pick<WriteGate, 'storedLabels' | 'storesAsSent'>;
  #labelLimits: LabelLimits;
  readonly #clock: Clock;
  readonly #share: CacheShare;
  readonly #symbols: SymbolNumbers;
  readonly #series: NumberedSeries;
  readonly #quick: QuickIds;
  readonly #seen = new SeenMetadata();
  /** Of the key of the series that is introduced. */
  readonly #keyHash = new Uint32Array(SERIES_ID_WORDS);
  readonly #requests: KnownRequests;
  /** The request that was decoded last, where it is a known one. */
  #known: KnownRequest | undefined;
  #isDecoded = true;
  /** Of series that have an entry but whose metadata is not yet known to be stored, by tenant: a request that was given up must not lose it. */
  #unnoted = new WeakMap<SeriesHasher, Map<string, MetadataEntry>>();
  /** Of all tenants' together. */
  #unnotedCharacters = 0;
  /** Whether some were given up, and their series are to be introduced anew. */
  #hasGivenUp = false;
  #reader = NOTHING;
  #plain: Uint8Array = NOTHING.bytes;
  #knownSinceMs = 0;

  constructor(limits: typeof LIMITS, clock: Clock, gate: Pick<WriteGate, 'storedLabels' | 'storesAsSent'>, caches: CacheBudget) {
    this.#limits = limits;
    this.#gate = gate;
    this.#labelLimits = limits;
    this.#clock = clock;
    this.columns = new RequestColumns(limits.writeEntriesMax);
    this.#share = caches.open('remote_write_2', REMAKE_NS_PER_BYTE.remoteWrite2, () => this.#empty());
    this.#symbols = new SymbolNumbers(limits.symbolCacheEntriesMax, limits.symbolCacheBytesMax, this.#share);
    this.#series = new NumberedSeries(limits.seriesIdCacheEntriesMax, limits.seriesLinkBytesMax, limits.labelsPerSeriesMax, this.#share);
    this.#quick = new QuickIds(limits.labelsPerSeriesMax);
    this.#requests = new KnownRequests(limits.knownRequestsBytesMax, this.#share);
  }

  decode(plain: Uint8Array, hasher: SeriesHasher, limits: LabelLimits): void {
    this.#share.begin();
    this.#labelLimits = limits;
    this.#plain = plain;
    this.#reader = requestReader(plain);
    this.#forgetWhatIsOld();
    this.#known = this.#requests.find(this.#reader, hasher, this.columns);
    this.#isDecoded = this.#known === undefined;
    if (!this.#isDecoded) return;
    decodeRequest(plain, this.columns);
    checkKnown(this.columns.seriesCount + this.columns.symbolCount > 0, plain, 'io.prometheus.write.v2.Request');
  }

  lookUpIds(hasher: SeriesHasher, ids: SeriesIdColumns, refuse: (series: number, reason: () => string) => void): void {
    if (this.#known !== undefined) {
      this.#known.copyIds(ids);
      return;
    }
    const { seriesCount, histograms, exemplars, sampleStart, symbolStart, symbolEnd, symbolCount } = this.columns;
    this.#symbols.read(hasher, this.#reader.view, symbolStart, symbolEnd, symbolCount);
    const known = this.#series;
    known.begin(hasher, this.#reader.view, this.#symbols.numbers, this.columns);
    let firstUnknown = known.find(0, ids);
    const isPlain = histograms.count === 0 && exemplars.count === 0;
    ids.isRefused.fill(0, 0, seriesCount);
    let histogram = 0;
    let exemplar = 0;
    let isAllAccepted = true;
    // Of a usual request, series that are known are not looked at one by one.
    const isUsual = isPlain && this.columns.hasOneSampleEach;
    for (let index = isUsual ? firstUnknown : 0; index < seriesCount; index = isUsual ? firstUnknown : index + 1) {
      const hasSamples = sampleStart[index + 1]! > sampleStart[index]!;
      const isKnown = index !== firstUnknown;
      if (isKnown && hasSamples && isPlain) continue;
      const firstHistogram = histogram;
      while (histogram < histograms.count && histograms.series[histogram] === index) histogram++;
      const hasHistograms = histogram > firstHistogram;
      const firstExemplar = exemplar;
      while (exemplar < exemplars.count && exemplars.series[exemplar] === index) exemplar++;
      let invalid: string | undefined;
      if (!isKnown) {
        invalid = this.#introduce(hasher, index, !hasSamples && hasHistograms, ids);
        firstUnknown = known.find(index + 1, ids);
      }
      if (hasHistograms && hasSamples) invalid ??= 'a series has either samples or histograms, not both';
      // Exemplars alone are not in the specification, but it is how Prometheus sends all of them: apart from the samples.
      else if (!hasHistograms && !hasSamples && exemplar === firstExemplar) invalid ??= 'a series has at least one sample or histogram';
      if (invalid === undefined) continue;
      ids.isRefused[index] = 1;
      isAllAccepted = false;
      refuse(index, reasonOf(invalid));
    }
    if (isAllAccepted) this.#requests.note(this.#reader, hasher, this.columns, this.#symbols.numbers, ids);
  }

  /**
   * Once in a while series are forgotten, between requests, which is when their metadata is noted again; and should all numbers have been given,
   * those go with them.
   */
  #forgetWhatIsOld(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#symbols.isExhausted) this.#symbols.clear();
    else if (!this.#hasGivenUp && nowMs - this.#knownSinceMs < this.#limits.metadataRenewMs / 2) return;
    this.#series.clear();
    this.#requests.clear();
    this.#seen.clear();
    this.#hasGivenUp = false;
    this.#knownSinceMs = nowMs;
  }

  /** Symbols with the series: these are known by the numbers of those. */
  #empty(): void {
    this.#symbols.empty();
    this.#series.empty();
    this.#requests.clear();
    this.#seen.clear();
  }

  /** A known request's columns have what storing its samples takes. Labels are only asked for when a shard has lost its series, or refuses a sample, or replicas are elected. */
  #decodeKnown(): void {
    if (this.#isDecoded) return;
    this.#isDecoded = true;
    decodeRequest(this.#plain, this.columns);
  }

  /** The slow way: check, hash, note the metadata, and make strings of what is not as usual. What is wrong with the series, if anything. */
  #introduce(hasher: SeriesHasher, series: number, isNative: boolean, ids: SeriesIdColumns): string | undefined {
    this.#keyHash.set(hasher.words);
    const { columns } = this;
    const nameRef = this.#gate.storesAsSent && !isNative ? this.#quick.ofRefs(hasher, this.#reader.view, columns, this.#symbols, series, this.#labelLimits) : 0;
    if (nameRef === 0 || !this.#isMetadataSeen(series, nameRef)) {
      const labels = this.labels(series);
      if ('invalid' in labels) return labels.invalid;
      const invalid = this.#introduceMetadata(hasher, series, labels, isNative);
      if (invalid !== undefined) return invalid;
      hasher.hashLabels(this.#gate.storedLabels(labels));
      if (nameRef !== 0) this.#seeMetadata(series, nameRef);
    }
    ids.set(series, hasher.words);
    this.#series.add(series, this.#keyHash, hasher.words);
    return undefined;
  }

  #isMetadataSeen(series: number, nameRef: number): boolean {
    const { numbers } = this.#symbols;
    const { metadataType, helpRef, unitRef } = this.columns;
    if ((metadataType[series]! | helpRef[series]! | unitRef[series]!) === 0) return true;
    return this.#seen.has(numbers[nameRef]!, metadataType[series]!, numbers[helpRef[series]!] ?? NO_NUMBER, numbers[unitRef[series]!] ?? NO_NUMBER);
  }

  #seeMetadata(series: number, nameRef: number): void {
    const { numbers } = this.#symbols;
    const { metadataType, helpRef, unitRef } = this.columns;
    const [name, help, unit] = [nameRef, helpRef[series]!, unitRef[series]!].map((ref) => numbers[ref] ?? NO_NUMBER) as [number, number, number];
    if (name !== NO_NUMBER && help !== NO_NUMBER && unit !== NO_NUMBER) this.#seen.add(name, metadataType[series]!, help, unit);
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
    this.#keepUnnoted(hasher, entry);
    return undefined;
  }

  #keepUnnoted(hasher: SeriesHasher, entry: MetadataEntry): void {
    const key = metadataKey(entry);
    if (this.#unnoted.get(hasher)?.has(key) === true) return;
    if (this.#unnotedCharacters + key.length > this.#limits.metadataUnnotedCharactersMax) {
      // Catalogs have been away for long. Whoever comes again is introduced again.
      this.#unnoted = new WeakMap();
      this.#unnotedCharacters = 0;
      this.#hasGivenUp = true;
    }
    const unnoted = this.#unnoted.get(hasher) ?? new Map<string, MetadataEntry>();
    this.#unnoted.set(hasher, unnoted.set(key, entry));
    this.#unnotedCharacters += key.length;
  }

  labels(series: number): Labels | Invalid {
    this.#decodeKnown();
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

  rest(): void {
    this.#reader = NOTHING;
    this.#plain = NOTHING.bytes;
    this.#series.rest();
    if (!this.columns.isLarge) return;
    this.columns = new RequestColumns(this.#limits.writeEntriesMax);
    this.#symbols.rest();
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
    for (const entry of entries) {
      const key = metadataKey(entry);
      if (unnoted?.delete(key) === true) this.#unnotedCharacters -= key.length;
    }
  }
}

const NOTHING: WireReader = requestReader(new Uint8Array(0));

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
