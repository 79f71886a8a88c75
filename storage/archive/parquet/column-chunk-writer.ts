import { crc32 } from 'node:zlib';
import { ColumnWriter } from '../../chunk/index.ts';
import { writeDataPageHeader, writeDictionaryPageHeader, type Bounds, type ColumnChunk, type Encoding, type PageHeader, type PageLocation, PLAIN } from './parquet-footer.ts';
import { tryZstdFrame, zstdFrame } from './zstd-frame.ts';

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
    this.#write(writeDictionaryPageHeader, valueCount, PLAIN, zstdFrame(this.plain.written()));
  }

  page(firstRow: number, valueCount: number, encoding: Encoding, bounds?: Bounds): void {
    this.#note(firstRow, valueCount, encoding, bounds, zstdFrame(this.plain.written()));
  }

  #note(firstRow: number, valueCount: number, encoding: Encoding, bounds: Bounds | undefined, packed: Uint8Array): void {
    const offset = this.#out.length;
    this.#encodings.add(encoding);
    this.#valueCount += valueCount;
    this.#write(writeDataPageHeader, valueCount, encoding, packed);
    this.#pages.push({ offset, bytes: this.#out.length - offset, firstRow });
    if (bounds !== undefined) this.#pageBounds.push(bounds);
  }

  /** A page whose content may be too large when it is compressed: then nothing is written, and the answer is false. */
  tryPage(firstRow: number, valueCount: number, encoding: Encoding, bounds?: Bounds): boolean {
    const packed = tryZstdFrame(this.plain.written());
    if (packed === undefined) this.plain.clear();
    else this.#note(firstRow, valueCount, encoding, bounds, packed);
    return packed !== undefined;
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

  #write(writeHeader: (out: ColumnWriter, header: PageHeader) => void, valueCount: number, encoding: number, packed: Uint8Array): void {
    const plain = this.plain.written();
    const before = this.#out.length;
    writeHeader(this.#out, { plainBytes: plain.length, bytes: packed.length, crc: crc32(packed), valueCount, encoding });
    // As Parquet counts: headers, and content before compression.
    this.#plainBytes += this.#out.length - before + plain.length;
    this.#out.append(packed);
    this.plain.clear();
  }
}
