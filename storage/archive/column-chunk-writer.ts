import { crc32 } from 'node:zlib';
import { ColumnWriter } from '../chunk/index.ts';
import { writeDataPageHeader, writeDictionaryPageHeader, type Bounds, type ColumnChunk, type Encoding, type PageHeader, type PageLocation, PLAIN } from './parquet-footer.ts';
import { zstdFrame } from './zstd-frame.ts';

/** Writes the pages of one column of one row group into a file, and notes what the footer says of them. */
export class ColumnChunkWriter {
  /** The content of the page in the making; empty after `page` and `dictionary`. */
  readonly plain = new ColumnWriter(64 * 1024);
  readonly #out: ColumnWriter;
  #start = 0;
  #plainBytes = 0;
  #valueCount = 0;
  #dictionaryOffset: number | undefined;
  #encodings = new Set<Encoding>();
  #pages: PageLocation[] = [];
  #pageBounds: Bounds[] = [];

  /** `out` is the file from its first byte. */
  constructor(out: ColumnWriter) {
    this.#out = out;
  }

  begin(): void {
    this.#start = this.#out.length;
    this.#plainBytes = 0;
    this.#valueCount = 0;
    this.#dictionaryOffset = undefined;
    this.#encodings = new Set();
    this.#pages = [];
    this.#pageBounds = [];
  }

  dictionary(valueCount: number): void {
    this.#dictionaryOffset = this.#out.length;
    this.#encodings.add(PLAIN);
    this.#write(writeDictionaryPageHeader, valueCount, PLAIN);
  }

  page(firstRow: number, valueCount: number, encoding: Encoding, bounds?: Bounds): void {
    const offset = this.#out.length;
    this.#encodings.add(encoding);
    this.#valueCount += valueCount;
    this.#write(writeDataPageHeader, valueCount, encoding);
    this.#pages.push({ offset, bytes: this.#out.length - offset, firstRow });
    if (bounds !== undefined) this.#pageBounds.push(bounds);
  }

  /** `isAscending`: the bounds of pages rise. `nanCount` is for columns that can hold NaN. */
  finish(nullCount: number, bounds: Bounds | undefined, { isAscending = false, nanCount }: { readonly isAscending?: boolean; readonly nanCount?: number } = {}): ColumnChunk {
    return {
      encodings: [...this.#encodings],
      valueCount: this.#valueCount,
      plainBytes: this.#plainBytes,
      bytes: this.#out.length - this.#start,
      dictionaryOffset: this.#dictionaryOffset,
      pages: this.#pages,
      nullCount,
      nanCount,
      bounds,
      pageBounds: this.#pageBounds.length === this.#pages.length ? this.#pageBounds : undefined,
      isAscending,
    };
  }

  #write(writeHeader: (out: ColumnWriter, header: PageHeader) => void, valueCount: number, encoding: number): void {
    const plain = this.plain.written();
    const packed = zstdFrame(plain);
    const before = this.#out.length;
    writeHeader(this.#out, { plainBytes: plain.length, bytes: packed.length, crc: crc32(packed), valueCount, encoding });
    // As Parquet counts: headers, and content before compression.
    this.#plainBytes += this.#out.length - before + plain.length;
    this.#out.append(packed);
    this.plain.clear();
  }
}
