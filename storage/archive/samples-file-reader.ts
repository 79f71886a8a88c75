import { DecodeError } from '../../proto/decode-error.ts';
import { NO_PAYLOADS } from '../chunk/index.ts';
import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import type { ObjectStore } from '../object-store.ts';
import type { RunSource } from '../shard/sample-run.ts';
import { readBytesPage, readStartPage, readTimestampPage, readValuePage, type NumberPage } from './page-reader.ts';
import { FIELD, SAMPLES_SCHEMA } from './samples-schema.ts';
import type { SeriesEntry } from './series-directory.ts';
import { SeriesFileReader, type DecodedPages, type PageDecoder, type SeriesFileRef } from './series-file-reader.ts';

/** An object that is a file of samples, as the catalog knows it. */
export type SamplesFileRef = SeriesFileRef;

const columnOf = (field: number): number => SAMPLES_SCHEMA.leaves.findIndex(({ fieldId }) => fieldId === field);

const COLUMN = { timestamp: columnOf(FIELD.timestamp), value: columnOf(FIELD.value), histogram: columnOf(FIELD.histogram), startTimestamp: columnOf(FIELD.startTimestamp) } as const;

/** Reads series out of a file of samples. */
export class SamplesFileReader {
  readonly #file: SeriesFileReader;

  private constructor(file: SeriesFileReader) {
    this.#file = file;
  }

  static async open(store: ObjectStore, ref: SamplesFileRef): Promise<SamplesFileReader> {
    return new SamplesFileReader(await SeriesFileReader.open(store, ref, SAMPLES_SCHEMA));
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
    const pages = await this.#file.readPages(entries, { columnsOf, decoderOf, onFetch });
    return this.#file.named(() => entries.map((entry) => this.#assemble(entry, pages)));
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
      if (entry.hasHistograms) {
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
    if (timestampsMs[0] !== entry.minTimeMs || timestampsMs[entry.rowCount - 1] !== entry.maxTimeMs) {
      throw new DecodeError(`rows from ${timestampsMs[0]} to ${timestampsMs[entry.rowCount - 1]} where the directory has ${entry.minTimeMs} to ${entry.maxTimeMs}`);
    }
    return { timestampsMs, bits, payloads: payloads.length === 0 ? NO_PAYLOADS : payloads, startsMs };
  }
}

function columnsOf({ hasHistograms, hasStarts }: SeriesEntry): number[] {
  const columns: number[] = [COLUMN.timestamp, COLUMN.value];
  if (hasHistograms) columns.push(COLUMN.histogram);
  if (hasStarts) columns.push(COLUMN.startTimestamp);
  return columns;
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
