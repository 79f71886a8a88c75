import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import type { ColumnBounds } from '../../catalog/iceberg/data-file.ts';
import type { ColumnWriter } from '../../chunk/index.ts';
import type { LeafColumn, ParquetSchema } from './parquet-schema.ts';
import { readStruct, THRIFT_BINARY, THRIFT_I32, THRIFT_STRUCT, THRIFT_TRUE, writeBinary, writeStruct, type ThriftStruct, type ThriftWriter } from './thrift.ts';

/** "PAR1", at both ends of a file. */
export const PARQUET_MAGIC = 0x31524150;
/** Behind the footer: its length, and the magic. */
export const PARQUET_TAIL_BYTES = 8;

/** Parquet's codec of pages. */
const ZSTD = 6;

const ENCODING = { plain: 0, rle: 3, deltaBinaryPacked: 5, rleDictionary: 8 } as const;
export type Encoding = (typeof ENCODING)[keyof typeof ENCODING];
export const { plain: PLAIN, rle: RLE, deltaBinaryPacked: DELTA_BINARY_PACKED, rleDictionary: RLE_DICTIONARY } = ENCODING;

/** Parquet's bounds have the form of Iceberg's. */
export type Bounds = ColumnBounds;

export interface PageLocation {
  /** Of the page's header. */
  readonly offset: number;
  /** Header and compressed content. */
  readonly bytes: number;
  /** Of the row group. */
  readonly firstRow: number;
}

/** One column of one row group, as the writer has it. */
export interface ColumnChunk {
  readonly encodings: readonly Encoding[];
  readonly valueCount: number;
  readonly plainBytes: number;
  readonly bytes: number;
  readonly dictionaryOffset: number | undefined;
  readonly pages: readonly PageLocation[];
  readonly nullCount: number;
  /** Values that are NaN, stale markers among them; `undefined` for columns that can hold none. */
  readonly nanCount: number | undefined;
  readonly bounds: Bounds | undefined;
  /** Bounds of each page, when all have some; `isAscending` says that they rise from page to page. */
  readonly pageBounds: readonly Bounds[] | undefined;
  readonly isAscending: boolean;
}

export interface RowGroup {
  readonly rowCount: number;
  readonly columns: readonly ColumnChunk[];
}

/** Where a structure stands in the file. */
export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** Writes page indexes and footer behind what stands from byte 0 to `position`: everything up to the end of the file. */
export function writeFooter(out: ColumnWriter, position: number, { leaves, write: writeSchema }: ParquetSchema, rowGroups: readonly RowGroup[], keyValues: Readonly<Record<string, string>>): void {
  const start = out.length;
  const place = (write: () => void): Place => {
    const offset = position + out.length - start;
    write();
    return { offset, bytes: position + out.length - start - offset };
  };
  const columnIndexes = rowGroups.map(({ columns }) => columns.map((chunk) => (chunk.pageBounds === undefined ? undefined : place(() => writeColumnIndex(out, chunk, chunk.pageBounds!)))));
  const offsetIndexes = rowGroups.map(({ columns }) => columns.map((chunk) => place(() => writeOffsetIndex(out, chunk))));
  const { bytes } = place(() =>
    writeStruct(out, (fields) => {
      fields.i32(1, 2);
      writeSchema(fields, 2);
      fields.i64(3, rowGroups.reduce((sum, { rowCount }) => sum + rowCount, 0));
      fields.list(4, THRIFT_STRUCT, rowGroups, (group) => writeRowGroup(out, leaves, group, columnIndexes[rowGroups.indexOf(group)]!, offsetIndexes[rowGroups.indexOf(group)]!));
      fields.list(5, THRIFT_STRUCT, Object.entries(keyValues), ([key, value]) => writeStruct(out, (pair) => pair.text(1, key).text(2, value)));
      fields.text(6, 'varve');
      // Bounds are in the order that the type defines: without this, readers ignore those of text.
      fields.list(7, THRIFT_STRUCT, leaves, () => writeStruct(out, (order) => order.struct(1, () => undefined)));
    }),
  );
  out.uint32(bytes);
  out.uint32(PARQUET_MAGIC);
}

function writeColumnIndex(out: ColumnWriter, chunk: ColumnChunk, pageBounds: readonly Bounds[]): void {
  writeStruct(out, (fields) => {
    fields.list(1, THRIFT_TRUE, pageBounds, () => out.byte(2));
    fields.list(2, THRIFT_BINARY, pageBounds, ({ lower }) => writeBinary(out, lower));
    fields.list(3, THRIFT_BINARY, pageBounds, ({ upper }) => writeBinary(out, upper));
    fields.i32(4, chunk.isAscending ? 1 : 0);
  });
}

function writeOffsetIndex(out: ColumnWriter, { pages }: ColumnChunk): void {
  writeStruct(out, (fields) => {
    fields.list(1, THRIFT_STRUCT, pages, ({ offset, bytes, firstRow }) => writeStruct(out, (page) => page.i64(1, offset).i32(2, bytes).i64(3, firstRow)));
  });
}

function writeRowGroup(out: ColumnWriter, leaves: readonly LeafColumn[], { rowCount, columns }: RowGroup, columnIndexes: readonly (Place | undefined)[], offsetIndexes: readonly Place[]): void {
  writeStruct(out, (fields) => {
    fields.list(1, THRIFT_STRUCT, columns, (chunk) => {
      const column = columns.indexOf(chunk);
      writeStruct(out, (chunkFields) => {
        chunkFields.i64(2, startOf(chunk)).struct(3, (metadata) => writeColumnMetadata(metadata, chunk, leaves[column]!));
        chunkFields.i64(4, offsetIndexes[column]!.offset).i32(5, offsetIndexes[column]!.bytes);
        const columnIndex = columnIndexes[column];
        if (columnIndex !== undefined) chunkFields.i64(6, columnIndex.offset).i32(7, columnIndex.bytes);
      });
    });
    fields.i64(2, columns.reduce((sum, { plainBytes }) => sum + plainBytes, 0));
    fields.i64(3, rowCount);
    // By metric. Within a metric rows are by labels, which are no column that a sort order can name, and then by time.
    fields.list(4, THRIFT_STRUCT, [0], (column) => writeStruct(out, (sorting) => sorting.i32(1, column).bool(2, false).bool(3, true)));
    fields.i64(5, startOf(columns[0]!));
    fields.i64(6, columns.reduce((sum, chunk) => sum + chunk.bytes, 0));
  });
}

function writeColumnMetadata(fields: ThriftWriter, chunk: ColumnChunk, { type, path }: LeafColumn): void {
  const encoder = new TextEncoder();
  fields.i32(1, type);
  fields.list(2, THRIFT_I32, chunk.encodings, (encoding, out) => out.signed(encoding));
  fields.list(3, THRIFT_BINARY, path, (name, out) => writeBinary(out, encoder.encode(name)));
  fields.i32(4, ZSTD).i64(5, chunk.valueCount).i64(6, chunk.plainBytes).i64(7, chunk.bytes).i64(9, chunk.pages[0]!.offset);
  if (chunk.dictionaryOffset !== undefined) fields.i64(11, chunk.dictionaryOffset);
  fields.struct(12, (statistics) => {
    statistics.i64(3, chunk.nullCount);
    if (chunk.bounds !== undefined) statistics.binary(5, chunk.bounds.upper).binary(6, chunk.bounds.lower).bool(7, true).bool(8, true);
  });
}

function startOf(chunk: ColumnChunk): number {
  return chunk.dictionaryOffset ?? chunk.pages[0]!.offset;
}

/** What a reader needs of a row group. */
export interface RowGroupPlace {
  readonly rowCount: number;
  /** By column: where its offset index stands. */
  readonly offsetIndexes: readonly Place[];
}

export interface Footer {
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroupPlace[];
  readonly keyValues: ReadonlyMap<string, string>;
}

/** Reads the footer of a file with so many columns. `bytes` are those of the footer alone. */
export function readFooter(bytes: Uint8Array, columnCount: number, where: string): Footer {
  const footer = readStruct(new ByteReader(bytes), `${where}: footer`);
  const decoder = new TextDecoder();
  const keyValues = new Map(footer.structs(5).map((pair) => [decoder.decode(pair.bytes(1)), decoder.decode(pair.bytes(2))]));
  const rowGroups = footer.structs(4).map((group) => ({ rowCount: group.count(3), offsetIndexes: group.structs(1).map((chunk) => placeOf(chunk)) }));
  for (const { offsetIndexes } of rowGroups) {
    if (offsetIndexes.length !== columnCount) throw new DecodeError(`${where}: ${offsetIndexes.length} columns, want ${columnCount}`);
  }
  const rowCount = footer.count(3);
  const sum = rowGroups.reduce((rows, group) => rows + group.rowCount, 0);
  if (sum !== rowCount) throw new DecodeError(`${where}: ${rowCount} rows, ${sum} in row groups`);
  return { rowCount, rowGroups, keyValues };
}

function placeOf(chunk: ThriftStruct): Place {
  return { offset: chunk.count(4), bytes: chunk.count(5) };
}

/** Reads where the pages of a column are. */
export function readOffsetIndex(bytes: Uint8Array, rowCount: number, where: string): readonly PageLocation[] {
  const pages = readStruct(new ByteReader(bytes), `${where}: offset index`)
    .structs(1)
    .map((page) => ({ offset: page.count(1), bytes: page.count(2), firstRow: page.count(3) }));
  pages.forEach(({ firstRow }, i) => {
    const isInOrder = i === 0 ? firstRow === 0 : firstRow > pages[i - 1]!.firstRow;
    if (!isInOrder || firstRow >= rowCount) throw new DecodeError(`${where}: page ${i} begins at row ${firstRow} of ${rowCount}`);
  });
  if (pages.length === 0) throw new DecodeError(`${where}: no pages`);
  return pages;
}

/** A page's header, with the kinds of page that are written here. */
export interface PageHeader {
  readonly plainBytes: number;
  readonly bytes: number;
  readonly crc: number;
  readonly valueCount: number;
  readonly encoding: number;
}

const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

/** Data pages are of version 1: those of version 2 leave repetition levels uncompressed, which for labels are larger than all the rest. */
export function writeDataPageHeader(out: ColumnWriter, { plainBytes, bytes, crc, valueCount, encoding }: PageHeader): void {
  writeStruct(out, (fields) => {
    fields.i32(1, DATA_PAGE).i32(2, plainBytes).i32(3, bytes).i32(4, crc | 0);
    fields.struct(5, (page) => page.i32(1, valueCount).i32(2, encoding).i32(3, RLE).i32(4, RLE));
  });
}

export function writeDictionaryPageHeader(out: ColumnWriter, { plainBytes, bytes, crc, valueCount }: PageHeader): void {
  writeStruct(out, (fields) => {
    fields.i32(1, DICTIONARY_PAGE).i32(2, plainBytes).i32(3, bytes).i32(4, crc | 0);
    fields.struct(7, (page) => page.i32(1, valueCount).i32(2, PLAIN));
  });
}

/** Reads a data page's header. */
export function readDataPageHeader(reader: ByteReader, where: string): PageHeader {
  const header = readStruct(reader, `${where}: page header`);
  if (header.number(1) !== DATA_PAGE) throw new DecodeError(`${where}: page type ${header.number(1)}, want ${DATA_PAGE}`);
  const page = header.struct(5);
  return { plainBytes: header.count(2), bytes: header.count(3), crc: header.number(4) >>> 0, valueCount: page.count(1), encoding: page.count(2) };
}
