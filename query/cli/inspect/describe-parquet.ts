import { ByteReader } from '../../../proto/varint.ts';
import { readSeriesDirectory } from '../../../storage/archive/files/series-directory.ts';
import { DIRECTORY_KEY } from '../../../storage/archive/files/series-file-writer.ts';
import { PARQUET_TAIL_BYTES, readOffsetIndex, type PageLocation } from '../../../storage/archive/parquet/parquet-footer.ts';
import { readStruct, type ThriftStruct } from '../../../storage/archive/parquet/thrift.ts';
import { formatLabels } from '../../../storage/model/labels.ts';
import type { InspectOptions } from './options.ts';
import { count, counted, hex, table, timeText } from './text.ts';

/* A Parquet file, Varve's or another's: what its footer says, by row group and column, the pages, and the series directory. */

const TYPES = ['boolean', 'int32', 'int64', 'int96', 'float', 'double', 'bytes', 'fixed bytes'];
const ENCODINGS: Readonly<Record<number, string>> = {
  0: 'PLAIN', 2: 'PLAIN_DICTIONARY', 3: 'RLE', 4: 'BIT_PACKED', 5: 'DELTA_BINARY_PACKED', 6: 'DELTA_LENGTH_BYTE_ARRAY', 7: 'DELTA_BYTE_ARRAY', 8: 'RLE_DICTIONARY', 9: 'BYTE_STREAM_SPLIT',
};
const CODECS = ['uncompressed', 'snappy', 'gzip', 'lzo', 'brotli', 'lz4', 'zstd', 'lz4 raw'];
const REPETITIONS = ['required', 'optional', 'repeated'];
const INT64 = 2;
const DOUBLE = 5;
const CONVERTED_UTF8 = 0;
const CONVERTED_TIMESTAMP_MICROS = 10;
const MICROS_PER_MS = 1000;

interface Leaf {
  readonly path: string;
  readonly type: number;
  readonly converted: number | undefined;
}

export function* describeParquet(bytes: Uint8Array, name: string, options: InspectOptions): Generator<string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const footerBytes = view.getUint32(bytes.length - PARQUET_TAIL_BYTES, true);
  const footerStart = bytes.length - PARQUET_TAIL_BYTES - footerBytes;
  if (footerStart < 4) throw new Error(`${name}: a footer of ${footerBytes} bytes in a file of ${bytes.length}`);
  const footer = readStruct(new ByteReader(bytes.subarray(footerStart, footerStart + footerBytes)), `${name}: footer`);
  const groups = footer.structs(4);
  const writer = footer.has(6) ? `, written by ${text(footer.bytes(6))}` : '';
  yield `Parquet file of ${counted(bytes.length, 'byte')}: ${counted(footer.count(3), 'row')} in ${counted(groups.length, 'row group')}, format version ${footer.number(1)}${writer}`;
  const pairs = footer.has(5) ? footer.structs(5) : [];
  for (const pair of pairs) yield `  ${text(pair.bytes(1))} = ${pair.has(2) ? text(pair.bytes(2)) : ''}`;
  const directory = directoryPlace(pairs);
  const rowsEnd = groups.reduce((end, group) => Math.max(end, ...group.structs(1).map((chunk) => chunkPlace(chunk.struct(3)).end)), 4);
  yield '';
  yield `the tail, from byte ${count(rowsEnd)}: ${counted(bytes.length - rowsEnd, 'byte')}`;
  if (directory !== undefined) yield `  series directory ${count(directory.bytes)}, page indexes ${count(footerStart - directory.offset - directory.bytes)}, footer ${count(footerBytes)}`;
  else yield `  footer ${count(footerBytes)}`;
  yield '';
  yield 'schema';
  const { lines, leaves } = describeSchema(footer.structs(2));
  yield* lines;
  yield* describeColumns(groups, leaves, footer.count(3));
  let firstRow = 0;
  for (const [i, group] of groups.entries()) {
    yield '';
    yield* describeGroup(group, i, firstRow, leaves, bytes, options);
    firstRow += group.count(3);
  }
  if (directory === undefined) return;
  yield '';
  yield* describeDirectory(bytes.subarray(directory.offset, directory.offset + directory.bytes), name, options);
}

function describeSchema(elements: readonly ThriftStruct[]): { readonly lines: readonly string[]; readonly leaves: readonly Leaf[] } {
  const rows: string[][] = [];
  const leaves: Leaf[] = [];
  let next = 1;
  const walk = (children: number, path: readonly string[], depth: number): void => {
    for (let child = 0; child < children; child++) {
      const element = elements[next++];
      if (element === undefined) throw new Error('schema: fewer elements than its groups say');
      const own = text(element.bytes(4));
      const group = element.has(5) ? element.number(5) : 0;
      const converted = element.has(6) ? element.number(6) : undefined;
      const fieldId = element.has(9) ? String(element.number(9)) : '';
      rows.push([fieldId, '  '.repeat(depth) + own, REPETITIONS[element.number(3)] ?? '?', group > 0 ? 'group' : typeText(element, converted)]);
      if (group > 0) walk(group, [...path, own], depth + 1);
      else leaves.push({ path: [...path, own].join('.'), type: element.number(1), converted });
    }
  };
  walk(elements[0]!.number(5), [], 0);
  return { lines: table(['field id', 'column', '', 'type'], rows, '  '), leaves };
}

function typeText(element: ThriftStruct, converted: number | undefined): string {
  const type = TYPES[element.number(1)] ?? '?';
  if (converted === CONVERTED_UTF8) return 'string';
  if (converted === CONVERTED_TIMESTAMP_MICROS) return `${type}, timestamp in microseconds`;
  return element.has(2) && element.number(2) > 0 ? `${type}, ${element.number(2)}` : type;
}

/** What each column takes in all row groups: where the file's bytes go. */
function* describeColumns(groups: readonly ThriftStruct[], leaves: readonly Leaf[], rowCount: number): Generator<string> {
  if (groups.length === 0) return;
  const sums = leaves.map((_, column) => groups.reduce((sum, group) => sum + group.structs(1)[column]!.struct(3).count(7), 0));
  const all = sums.reduce((a, b) => a + b, 0);
  const rows = leaves.map(({ path }, column) => [path, count(sums[column]!), `${((100 * sums[column]!) / all).toFixed(1)} %`, (sums[column]! / rowCount).toFixed(4)]);
  yield '';
  yield 'all row groups';
  yield* table(['column', 'bytes', 'share', 'bytes a row'], [...rows, ['in all', count(all), '100.0 %', (all / rowCount).toFixed(4)]], '  ');
}

function* describeGroup(group: ThriftStruct, number: number, firstRow: number, leaves: readonly Leaf[], bytes: Uint8Array, { pages: showsPages }: InspectOptions): Generator<string> {
  const chunks = group.structs(1);
  const rowCount = group.count(3);
  yield `row group ${number}: ${counted(rowCount, 'row')} from row ${count(firstRow)}`;
  const pagesOf = chunks.map((chunk) => offsetIndexOf(chunk, rowCount, bytes));
  const rows = chunks.map((chunk, column) => {
    const metadata = chunk.struct(3);
    const leaf = leaves[column]!;
    const encodings = [...new Set(metadata.numbers(2))].map((encoding) => ENCODINGS[encoding] ?? String(encoding)).join(', ');
    const { nulls, bounds } = statisticsOf(metadata, leaf);
    const pages = pagesOf[column];
    return [leaf.path, encodings, CODECS[metadata.number(4)] ?? '?', count(metadata.count(5)), nulls, count(metadata.count(6)), count(metadata.count(7)), pages === undefined ? '' : count(pages.length), bounds];
  });
  yield* table(['column', 'encodings', 'codec', 'values', 'nulls', 'plain', 'bytes', 'pages', 'bounds'], rows, '  ');
  if (!showsPages) return;
  for (const [column, pages] of pagesOf.entries()) {
    if (pages === undefined) continue;
    yield `  pages of ${leaves[column]!.path}`;
    yield* table(['page', 'first row', 'at byte', 'bytes'], pages.map(({ firstRow: row, offset, bytes: length }, page) => [String(page), count(row), count(offset), count(length)]), '    ');
  }
}

function statisticsOf(metadata: ThriftStruct, leaf: Leaf): { readonly nulls: string; readonly bounds: string } {
  if (!metadata.has(12)) return { nulls: '', bounds: '' };
  const statistics = metadata.struct(12);
  const nulls = statistics.has(3) ? count(statistics.count(3)) : '';
  const bounds = statistics.has(5) && statistics.has(6) ? `${boundText(statistics.bytes(6), leaf)} … ${boundText(statistics.bytes(5), leaf)}` : '';
  return { nulls, bounds };
}

function boundText(bytes: Uint8Array, { type, converted }: Leaf): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (converted === CONVERTED_TIMESTAMP_MICROS && bytes.length === 8) return timeText(Number(view.getBigInt64(0, true)) / MICROS_PER_MS);
  if (type === INT64 && bytes.length === 8) return String(view.getBigInt64(0, true));
  if (type === DOUBLE && bytes.length === 8) return String(view.getFloat64(0, true));
  return converted === CONVERTED_UTF8 ? text(bytes) : hex(bytes);
}

function offsetIndexOf(chunk: ThriftStruct, rowCount: number, bytes: Uint8Array): readonly PageLocation[] | undefined {
  if (!chunk.has(4) || !chunk.has(5)) return undefined;
  return readOffsetIndex(bytes.subarray(chunk.count(4), chunk.count(4) + chunk.count(5)), rowCount, 'offset index');
}

function chunkPlace(metadata: ThriftStruct): { readonly end: number } {
  const start = metadata.has(11) ? Math.min(metadata.count(11), metadata.count(9)) : metadata.count(9);
  return { end: start + metadata.count(7) };
}

function directoryPlace(pairs: readonly ThriftStruct[]): { readonly offset: number; readonly bytes: number } | undefined {
  const pair = pairs.find((each) => text(each.bytes(1)) === DIRECTORY_KEY);
  const place = pair === undefined ? null : /^(\d+),(\d+)$/.exec(text(pair.bytes(2)));
  return place === null ? undefined : { offset: Number(place[1]), bytes: Number(place[2]) };
}

function* describeDirectory(bytes: Uint8Array, name: string, { series: seriesMax }: InspectOptions): Generator<string> {
  const rows: string[][] = [];
  let seriesCount = 0;
  for (const { labels, firstRow, rowCount, minTimeMs, maxTimeMs, hasStarts, hasHistograms } of readSeriesDirectory(bytes, `${name}: series directory`)) {
    if (seriesCount++ < seriesMax) {
      const flags = [hasStarts ? 'start timestamps' : '', hasHistograms ? 'histograms' : ''].filter((flag) => flag !== '').join(', ');
      rows.push([count(firstRow), count(rowCount), timeText(minTimeMs), timeText(maxTimeMs), formatLabels(labels), flags]);
    }
  }
  yield `series directory: version ${bytes[0]}, ${count(seriesCount)} series`;
  yield* table(['first row', 'rows', 'first sample', 'last sample', 'labels', ''], rows, '  ');
  if (seriesCount > rows.length) yield `  … ${count(seriesCount - rows.length)} more (--series N shows so many)`;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
