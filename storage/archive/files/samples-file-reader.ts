import { DecodeError } from '../../../proto/decode-error.ts';
import { NO_PAYLOADS } from '../../chunk/index.ts';
import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import type { ObjectStore } from '../../object-store.ts';
import type { RunSource } from '../../shard/run/sample-run.ts';
import { readBytesPage, readStartPage, readTimestampPage, readValuePage, type NumberPage } from '../parquet/page-reader.ts';
import { FIELD, SAMPLES_SCHEMA } from './samples-schema.ts';
import type { SeriesEntry } from './series-directory.ts';
import { SeriesFileReader, type DecodedPages, type PageDecoder, type SeriesFileRef } from './series-file-reader.ts';

const columnOf = (field: number): number => SAMPLES_SCHEMA.leaves.findIndex(({ fieldId }) => fieldId === field);

const COLUMN = { timestamp: columnOf(FIELD.timestamp), value: columnOf(FIELD.value), histogram: columnOf(FIELD.histogram), startTimestamp: columnOf(FIELD.startTimestamp) } as const;

/** In the place of all histograms, for those who count them. */
const NO_HISTOGRAM = new Uint8Array(0);
/** A time and a value, or the bits that stand for a histogram. */
const SAMPLE_BYTES = 16;
const START_BYTES = 8;

/** Reads series out of a file of samples. */
export class SamplesFileReader {
  readonly #file: SeriesFileReader;
  readonly #hasPayloads: boolean;

  private constructor(file: SeriesFileReader, hasPayloads: boolean) {
    this.#file = file;
    this.#hasPayloads = hasPayloads;
  }

  static async open(store: ObjectStore, ref: SeriesFileRef): Promise<SamplesFileReader> {
    return new SamplesFileReader(await SeriesFileReader.open(store, ref, SAMPLES_SCHEMA), true);
  }

  /** For those who want to know where histograms are, and not what they say: they are not read. */
  static async openWithoutPayloads(store: ObjectStore, ref: SeriesFileRef): Promise<SamplesFileReader> {
    return new SamplesFileReader(await SeriesFileReader.open(store, ref, SAMPLES_SCHEMA), false);
  }

  get rowCount(): number {
    return this.#file.rowCount;
  }

  /** The series of the file, in order. */
  series(): Generator<SeriesEntry> {
    return this.#file.series();
  }

  /** The samples of some of the file's series, in the order given. Rows of neighbours share pages, so ask for many at a time. `onFetch` hears of each request. */
  async read(entries: readonly SeriesEntry[], onFetch?: (bytes: number) => void): Promise<RunSource[]> {
    const pages = await this.#file.readPages(entries, { columnsOf: (entry) => this.#columnsOf(entry), decoderOf, onFetch });
    return this.#file.named(() => entries.map((entry) => checked(entry, this.#assemble(entry, pages))));
  }

  /** The samples `from` to before `to` of those that the file has of a series. */
  async readPart(entry: SeriesEntry, from: number, to: number): Promise<RunSource> {
    const part = { ...entry, firstRow: entry.firstRow + from, rowCount: to - from };
    const pages = await this.#file.readPages([part], { columnsOf: () => this.#columnsOf(entry), decoderOf, onFetch: undefined });
    return this.#file.named(() => this.#assemble(part, pages));
  }

  /** About how much memory the samples of a series take. */
  bytesOf(entry: SeriesEntry): number {
    const payloadBytes = entry.hasHistograms && this.#hasPayloads ? this.#file.plainBytes(entry, COLUMN.histogram) : 0;
    return entry.rowCount * (SAMPLE_BYTES + (entry.hasStarts ? START_BYTES : 0)) + payloadBytes;
  }

  #columnsOf({ hasHistograms, hasStarts }: SeriesEntry): number[] {
    const columns: number[] = [COLUMN.timestamp, COLUMN.value];
    if (hasHistograms && this.#hasPayloads) columns.push(COLUMN.histogram);
    if (hasStarts) columns.push(COLUMN.startTimestamp);
    return columns;
  }

  #assemble(entry: SeriesEntry, pages: DecodedPages): RunSource {
    const timestampsMs = new Float64Array(entry.rowCount);
    const bits = new Uint32Array(entry.rowCount * 2);
    const payloads: Uint8Array[] = [];
    const startsMs = entry.hasStarts ? new Float64Array(entry.rowCount) : undefined;
    let at = 0;
    for (const { group, start, end } of this.#file.stretches(entry)) {
      pages.copy(group, COLUMN.timestamp, start, end, (page: Float64Array, from, to, offset) => timestampsMs.set(page.subarray(from, to), at + offset));
      pages.copy(group, COLUMN.value, start, end, ({ bits: source, isDefined }: NumberPage, from, to, offset) => {
        bits.set(source.subarray(from * 2, to * 2), (at + offset) * 2);
        for (let row = from; isDefined !== undefined && row < to; row++) if (isDefined[row] === 0) bits[(at + offset + row - from) * 2 + 1] = HISTOGRAM_BITS_HIGH;
      });
      if (entry.hasHistograms && this.#hasPayloads) {
        pages.copy(group, COLUMN.histogram, start, end, (page: readonly (Uint8Array | undefined)[], from, to, offset) => {
          for (let row = from; row < to; row++) {
            const place = (at + offset + row - from) * 2;
            if ((page[row] !== undefined) !== (bits[place + 1] === HISTOGRAM_BITS_HIGH)) throw new DecodeError(`a row with a value and a histogram, or neither`);
            if (page[row] !== undefined) bits[place] = payloads.push(page[row]!) - 1;
          }
        });
      }
      if (startsMs !== undefined) pages.copy(group, COLUMN.startTimestamp, start, end, (page: Float64Array, from, to, offset) => startsMs.set(page.subarray(from, to), at + offset));
      at += end - start;
    }
    if (!entry.hasHistograms && bits.some((word, i) => (i & 1) === 1 && word === HISTOGRAM_BITS_HIGH)) throw new DecodeError(`a row without a value in a series without histograms`);
    if (entry.hasHistograms && !this.#hasPayloads) {
      payloads.push(NO_HISTOGRAM);
      for (let row = 0; row < entry.rowCount; row++) if (bits[row * 2 + 1] === HISTOGRAM_BITS_HIGH) bits[row * 2] = 0;
    }
    return { timestampsMs, bits, payloads: payloads.length === 0 ? NO_PAYLOADS : payloads, startsMs };
  }
}

/** All samples of a series, which are of the time that the directory has. */
function checked({ rowCount, minTimeMs, maxTimeMs }: SeriesEntry, samples: RunSource): RunSource {
  const { timestampsMs } = samples;
  if (timestampsMs[0] !== minTimeMs || timestampsMs[rowCount - 1] !== maxTimeMs) {
    throw new DecodeError(`rows from ${timestampsMs[0]} to ${timestampsMs[rowCount - 1]} where the directory has ${minTimeMs} to ${maxTimeMs}`);
  }
  return samples;
}

function decoderOf(column: number): PageDecoder {
  switch (column) {
    case COLUMN.timestamp:
      return readTimestampPage;
    case COLUMN.value:
      return readValuePage;
    case COLUMN.histogram:
      return readBytesPage;
    default:
      return readStartPage;
  }
}
