import { DecodeError } from '../../../proto/decode-error.ts';
import type { ObjectStore } from '../../object-store.ts';
import type { Exemplar } from '../../shard/select/select-exemplars.ts';
import { readPlainMapPage } from '../parquet/map-columns.ts';
import { readTimestampPage, readValuePage, type NumberPage } from '../parquet/page-reader.ts';
import { EXEMPLAR_FIELD, EXEMPLARS_SCHEMA } from './exemplars-schema.ts';
import { FIELD } from './samples-schema.ts';
import type { SeriesEntry } from './series-directory.ts';
import { SeriesFileReader, type DecodedPages, type PageDecoder, type SeriesFileRef } from './series-file-reader.ts';

const columnOf = (field: number): number => EXEMPLARS_SCHEMA.leaves.findIndex(({ fieldId }) => fieldId === field);
const TIMESTAMP = columnOf(FIELD.timestamp);
const VALUE = columnOf(FIELD.value);
const KEY = columnOf(EXEMPLAR_FIELD.labelKey);
const LABEL_VALUE = columnOf(EXEMPLAR_FIELD.labelValue);
const COLUMNS = [TIMESTAMP, VALUE, KEY, LABEL_VALUE];
/** An object, a list of strings, and their heads. */
const EXEMPLAR_BYTES = 200;

/** Reads exemplars out of a file of them. */
export class ExemplarsFileReader {
  readonly #file: SeriesFileReader;

  private constructor(file: SeriesFileReader) {
    this.#file = file;
  }

  static async open(store: ObjectStore, ref: SeriesFileRef): Promise<ExemplarsFileReader> {
    return new ExemplarsFileReader(await SeriesFileReader.open(store, ref, EXEMPLARS_SCHEMA));
  }

  get rowCount(): number {
    return this.#file.rowCount;
  }

  /** The series of the file, in order. */
  series(): Generator<SeriesEntry> {
    return this.#file.series();
  }

  /** About how much memory the exemplars of a series take. */
  bytesOf(entry: SeriesEntry): number {
    return entry.rowCount * EXEMPLAR_BYTES + this.#file.plainBytes(entry, KEY) + this.#file.plainBytes(entry, LABEL_VALUE);
  }

  /** The exemplars of some of the file's series, in the order given. `onFetch` hears of each request. */
  async read(entries: readonly SeriesEntry[], onFetch?: (bytes: number) => void): Promise<Exemplar[][]> {
    const pages = await this.#file.readPages(entries, { columnsOf: () => COLUMNS, decoderOf, onFetch });
    return this.#file.named(() => entries.map((entry) => this.#assemble(entry, pages)));
  }

  #assemble(entry: SeriesEntry, pages: DecodedPages): Exemplar[] {
    const timestampsMs = new Float64Array(entry.rowCount);
    const values = new Float64Array(entry.rowCount);
    const labels: string[][] = Array.from({ length: entry.rowCount }, () => []);
    let at = 0;
    for (const { group, start, end } of this.#file.stretches(entry)) {
      pages.copy(group, TIMESTAMP, start, end, (page: Float64Array, from, to, offset) => timestampsMs.set(page.subarray(from, to), at + offset));
      pages.copy(group, VALUE, start, end, ({ bits }: NumberPage, from, to, offset) => values.set(new Float64Array(bits.buffer, from * 8, to - from), at + offset));
      const place = (side: number) => (page: readonly (readonly string[])[], from: number, to: number, offset: number) => {
        for (let row = from; row < to; row++) page[row]!.forEach((text, i) => (labels[at + offset + row - from]![i * 2 + side] = text));
      };
      pages.copy(group, KEY, start, end, place(0));
      pages.copy(group, LABEL_VALUE, start, end, place(1));
      at += end - start;
    }
    return labels.map((own, i) => {
      if (own.length % 2 !== 0 || own.includes(undefined as unknown as string)) throw new DecodeError('an exemplar with a different number of keys and values');
      return { labels: own, value: values[i]!, timestampMs: timestampsMs[i]! };
    });
  }
}

function decoderOf(column: number): PageDecoder {
  switch (column) {
    case TIMESTAMP:
      return readTimestampPage;
    case VALUE:
      return readValuePage;
    default:
      return readPlainMapPage;
  }
}
