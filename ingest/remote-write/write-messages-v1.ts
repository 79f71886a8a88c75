import { DecodeError } from '../../proto/decode-error.ts';
import { readHistogram, type WireHistogram } from '../../proto/remote-write-histogram.ts';
import { countLabels, decodeWriteRequest, readExemplar, readLabels, readMetadata, REMOTE_WRITE, WriteRequestColumns } from '../../proto/remote-write-v1.ts';
import { WireReader } from '../../proto/wire-reader.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import type { CacheBudget, CacheShare } from '../../storage/runtime/cache-budget.ts';
import { REMAKE_NS_PER_BYTE } from '../../storage/runtime/cache-costs.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import { normalizeLabels, type Invalid, type LabelLimits } from '../validate.ts';
import type { WriteGate } from '../write-gate.ts';
import { LabelledSeries } from './labelled-series.ts';
import { QuickIds } from './quick-ids.ts';
import { checkKnown, metricTypeOf, type SentExemplar, type WriteMessages } from './write-messages.ts';

const NOTHING = new Uint8Array(0);
/** Tags and lengths of a label, its name and its value. */
const LABEL_FRAME_BYTES_MAX = 12;

/** Remote write 1.0: each series has its labels in full. Series are recognised by the bytes of their label fields. */
export class WriteMessagesV1 implements WriteMessages {
  columns: WriteRequestColumns;
  readonly #entriesMax: number;
  readonly #gate: Pick<WriteGate, 'storedLabels' | 'storesAsSent'>;
  #limits: LabelLimits;
  readonly #share: CacheShare;
  readonly #series: LabelledSeries;
  readonly #quick: QuickIds;
  /** Hash of the label bytes of the series that is introduced. */
  readonly #rawHash = new Uint32Array(SERIES_ID_WORDS);
  #plain: Uint8Array = NOTHING;

  constructor(limits: typeof LIMITS, gate: Pick<WriteGate, 'storedLabels' | 'storesAsSent'>, caches: CacheBudget) {
    this.#gate = gate;
    this.#limits = limits;
    this.#entriesMax = limits.writeEntriesMax;
    this.columns = new WriteRequestColumns(this.#entriesMax);
    this.#share = caches.open('remote_write_1', REMAKE_NS_PER_BYTE.remoteWrite1, () => this.#series.empty());
    this.#series = new LabelledSeries(limits.seriesIdCacheEntriesMax, limits.seriesLinkBytesMax, this.#share);
    this.#quick = new QuickIds(limits.labelsPerSeriesMax);
  }

  decode(plain: Uint8Array, _hasher: SeriesHasher, limits: LabelLimits): void {
    this.#share.begin();
    this.#limits = limits;
    this.#plain = plain;
    decodeWriteRequest(plain, this.columns);
    checkKnown(this.columns.seriesCount + this.columns.metadata.count > 0, plain, 'prometheus.WriteRequest');
  }

  lookUpIds(hasher: SeriesHasher, ids: SeriesIdColumns, refuse: (series: number, reason: () => string) => void): void {
    const { seriesCount } = this.columns;
    const known = this.#series;
    const plain = this.#plain;
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    known.begin(hasher, view, this.columns);
    ids.isRefused.fill(0, 0, seriesCount);
    for (let series = known.find(0, ids); series < seriesCount; series = known.find(series + 1, ids)) this.#introduce(hasher, view, series, ids, refuse);
  }

  /** The slow way: check, hash, and parse what is not as usual. Apart from the loop, which must not make a closure's context for each series. */
  #introduce(hasher: SeriesHasher, view: DataView, series: number, ids: SeriesIdColumns, refuse: (series: number, reason: () => string) => void): void {
    this.#rawHash.set(hasher.words);
    const [start, end] = [this.columns.labelsStart[series]!, this.columns.labelsEnd[series]!];
    if (!this.#gate.storesAsSent || !this.#quick.ofFields(hasher, view, start, end, this.#limits)) {
      const labels = this.labels(series);
      if ('invalid' in labels) {
        ids.isRefused[series] = 1;
        refuse(series, () => labels.invalid);
        return;
      }
      hasher.hashLabels(this.#gate.storedLabels(labels));
    }
    ids.set(series, hasher.words);
    this.#series.add(series, this.#rawHash, hasher.words);
  }

  rest(): void {
    if (this.columns.isLarge) this.columns = new WriteRequestColumns(this.#entriesMax);
    this.#plain = NOTHING;
    this.#series.rest();
  }

  /** Senders of 1.0 need not sort their labels, and an empty value is a label that is not there. */
  labels(series: number): Labels | Invalid {
    const [start, end] = [this.columns.labelsStart[series]!, this.columns.labelsEnd[series]!];
    const { labelsPerSeriesMax, labelNameBytesMax, labelValueBytesMax } = this.#limits;
    // Before strings are made of them: those of millions of empty labels would fill the memory. A few that are too long are named below.
    if (end - start > labelsPerSeriesMax * (labelNameBytesMax + labelValueBytesMax + LABEL_FRAME_BYTES_MAX)) {
      const labelCount = countLabels(this.#plain, start, end);
      if (labelCount > labelsPerSeriesMax) return { invalid: `${labelCount} labels, the limit labelsPerSeriesMax is ${labelsPerSeriesMax}` };
    }
    try {
      return normalizeLabels(readLabels(this.#plain, start, end), this.#limits);
    } catch (error) {
      if (error instanceof DecodeError) return { invalid: error.message };
      throw error;
    }
  }

  startMs(): number {
    return 0;
  }

  histogram(index: number): WireHistogram {
    const { start, end } = this.columns.histograms;
    return readHistogram(new WireReader(this.#plain, REMOTE_WRITE), start[index]!, end[index]!);
  }

  exemplar(index: number): SentExemplar {
    const { start, end } = this.columns.exemplars;
    return readExemplar(this.#plain, start[index]!, end[index]!);
  }

  /** Metadata that cannot be decoded is left out: it costs no samples, and senders repeat it. */
  metadata(): readonly MetadataEntry[] {
    const { metadata } = this.columns;
    const entries: MetadataEntry[] = [];
    for (let i = 0; i < metadata.count; i++) {
      try {
        const { type, metric, help, unit } = readMetadata(this.#plain, metadata.start[i]!, metadata.end[i]!);
        entries.push({ metric, type: metricTypeOf(type), help, unit });
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        entries.push(UNREADABLE);
      }
    }
    return entries;
  }

  metadataNoted(): void {}
}

/** Without a metric: the sink counts it as refused. */
const UNREADABLE: MetadataEntry = { metric: '', type: 'unknown', help: '', unit: '' };
