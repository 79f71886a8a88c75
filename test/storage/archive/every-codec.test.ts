import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { readSeriesDirectory, SeriesDirectoryWriter, type SeriesEntry } from '../../../storage/archive/files/series-directory.ts';
import { decodeTimestampsMicros, encodeTimestampsMicros } from '../../../storage/archive/parquet/delta-binary-packed.ts';
import { BitPacker, readPrefixedLevels, writeRun } from '../../../storage/archive/parquet/hybrid-runs.ts';
import { readPlainMapPage } from '../../../storage/archive/parquet/map-columns.ts';
import { readBytesPage, readTimestampPage, readValuePage } from '../../../storage/archive/parquet/page-reader.ts';
import { DELTA_BINARY_PACKED, PLAIN, readFooter, writeDataPageHeader, type Encoding } from '../../../storage/archive/parquet/parquet-footer.ts';
import { THRIFT_STRUCT, writeStruct } from '../../../storage/archive/parquet/thrift.ts';
import { unpackFrame, zstdFrame } from '../../../storage/archive/parquet/zstd-frame.ts';
import { decodeAvroFile } from '../../../storage/catalog/iceberg/avro-reader.ts';
import { encodeAvroFile, type AvroSchema, type AvroValue } from '../../../storage/catalog/iceberg/avro.ts';
import { ColumnWriter } from '../../../storage/chunk/index.ts';
import { anyLabels } from '../../contract/arbitraries.ts';
import { describeByteCodec } from '../../contract/byte-codec.ts';

/* What every-codec.test.ts asks of the codecs of shards, of those of files: a new one gets its entry here. */

function columnBytes(write: (out: ColumnWriter) => void): Uint8Array {
  const out = new ColumnWriter(64);
  write(out);
  return out.written().slice();
}

function wholeOf<T>(bytes: Uint8Array, decode: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  const value = decode(reader);
  if (!reader.done) throw new Error(`${reader.end - reader.position} bytes too many`);
  return value;
}

const anyTimeMs = fc.oneof(fc.integer({ min: -2e12, max: 2e12 }), fc.integer({ min: 0, max: 20 }).map((step) => 1.7e12 + step * 15_000));

describeByteCodec<number[]>('timestamps of a column', {
  arbitrary: fc.array(anyTimeMs, { minLength: 1, maxLength: 300 }),
  encode: (times) => columnBytes((out) => encodeTimestampsMicros(Float64Array.from(times), 0, times.length, out)),
  decode: (bytes, { length }) => {
    const target = new Float64Array(length);
    wholeOf(bytes, (reader) => decodeTimestampsMicros(reader, length, target, 0));
    return [...target];
  },
  plain: (times) => times,
  isChecked: false,
});

interface Run {
  readonly value: 0 | 1;
  readonly length: number;
}

const anyRuns: fc.Arbitrary<Run[]> = fc.array(fc.record({ value: fc.constantFrom(0 as const, 1 as const), length: fc.integer({ min: 1, max: 40 }) }), { minLength: 1, maxLength: 6 });
const levelsOf = (runs: readonly Run[]): number[] => runs.flatMap(({ value, length }) => new Array<number>(length).fill(value));

function levelBytes(write: (out: ColumnWriter) => void): Uint8Array {
  const levels = columnBytes(write);
  return columnBytes((out) => {
    out.uint32(levels.length);
    out.append(levels);
  });
}

const readLevels = (bytes: Uint8Array, like: readonly Run[]): number[] => [...wholeOf(bytes, (reader) => readPrefixedLevels(reader, levelsOf(like).length))];

describeByteCodec<Run[]>('levels as runs', {
  arbitrary: anyRuns,
  encode: (runs) => levelBytes((out) => runs.forEach(({ value, length }) => writeRun(out, value, length, 1))),
  decode: readLevels,
  plain: levelsOf,
  isChecked: false,
});

describeByteCodec<Run[]>('levels as bits', {
  arbitrary: anyRuns,
  encode: (runs) =>
    levelBytes((out) => {
      const packer = new BitPacker(1);
      for (const { value, length } of runs) packer.repeat(Uint32Array.of(value), 1, length);
      packer.finish(out);
    }),
  decode: readLevels,
  plain: levelsOf,
  isChecked: false,
});

describeByteCodec<SeriesEntry[]>('series directory', {
  arbitrary: fc
    .array(fc.record({ labels: anyLabels, rowCount: fc.integer({ min: 1, max: 1000 }), minTimeMs: anyTimeMs, length: fc.nat(1e7), hasStarts: fc.boolean(), hasHistograms: fc.boolean() }), { maxLength: 8 })
    .map((all) => {
      let firstRow = 0;
      return all.map(({ length, ...entry }) => ({ ...entry, maxTimeMs: entry.minTimeMs + length, firstRow: (firstRow += entry.rowCount) - entry.rowCount }));
    }),
  encode: (all) => {
    const writer = new SeriesDirectoryWriter();
    for (const entry of all) writer.add(entry);
    return writer.finish();
  },
  decode: (bytes) => [...readSeriesDirectory(bytes, 'test')],
  plain: (all) => all,
  isChecked: true,
  reseal: (bytes) => {
    if (bytes.length >= 8) new DataView(bytes.buffer).setUint32(4, crc32(bytes.subarray(8)), true);
  },
});

describeByteCodec<number[]>('footer', {
  arbitrary: fc.array(fc.nat(1e6), { maxLength: 20 }),
  encode: (groups) =>
    columnBytes((out) =>
      writeStruct(out, (fields) => {
        fields.i64(3, groups.reduce((sum, rows) => sum + rows, 0));
        fields.list(4, THRIFT_STRUCT, groups, (rows) =>
          writeStruct(out, (group) => group.list(1, THRIFT_STRUCT, [1, 2], (column) => writeStruct(out, (chunk) => chunk.i64(4, rows * column).i32(5, column))).i64(3, rows)),
        );
        fields.list(5, THRIFT_STRUCT, ['a'], (key) => writeStruct(out, (pair) => pair.text(1, key).text(2, 'b')));
      }),
    ),
  decode: (bytes) => readFooter(bytes, 2, 'test'),
  plain: (groups) => ({
    rowCount: groups.reduce((sum, rows) => sum + rows, 0),
    rowGroups: groups.map((rowCount) => ({ rowCount, offsetIndexes: [1, 2].map((column) => ({ offset: rowCount * column, bytes: column })) })),
    keyValues: new Map([['a', 'b']]),
  }),
  isChecked: false,
  isOpenEnded: true,
});

describeByteCodec<Uint8Array>('frame of a page', {
  arbitrary: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.integer({ min: 1, max: 10_000 }).map((length) => new Uint8Array(length).map((_, i) => i >> 5))),
  encode: zstdFrame,
  decode: (bytes, like) => new Uint8Array(unpackFrame(bytes, like.length, 'test')),
  plain: (bytes) => bytes,
  isChecked: false,
  isOpenEnded: true,
});

/** A page of version 1: its header, and its content in a frame. */
function pageOf(plain: Uint8Array, valueCount: number, encoding: Encoding): Uint8Array {
  const packed = zstdFrame(plain);
  return columnBytes((out) => {
    writeDataPageHeader(out, { plainBytes: plain.length, bytes: packed.length, crc: crc32(packed), valueCount, encoding });
    out.append(packed);
  });
}

type Rows<T> = readonly (T | undefined)[];
const rowsOf = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Rows<T>> => fc.array(fc.option(value, { nil: undefined }), { minLength: 1, maxLength: 30 });
const definitionsOf = (rows: Rows<unknown>): Uint8Array => levelBytes((out) => rows.forEach((row) => writeRun(out, row === undefined ? 0 : 1, 1, 1)));

const valuesPlain = (rows: Rows<bigint>): Uint8Array =>
  columnBytes((out) => {
    out.append(definitionsOf(rows));
    for (const row of rows) if (row !== undefined) out.append(new Uint8Array(BigUint64Array.of(row).buffer));
  });
const readValues = (bytes: Uint8Array, { length }: Rows<bigint>): Rows<bigint> => {
  const { bits, isDefined } = readValuePage(bytes, length, 'test');
  return [...new BigUint64Array(bits.buffer)].map((value, row) => (isDefined?.[row] === 0 ? undefined : value));
};
const anyValues = rowsOf(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

describeByteCodec<Rows<bigint>>('page of values', { arbitrary: anyValues, encode: (rows) => pageOf(valuesPlain(rows), rows.length, PLAIN), decode: readValues, plain: (rows) => rows, isChecked: false });

/* What a page holds, behind a checksum that is right. */
describeByteCodec<Rows<bigint>>('content of a page of values', {
  arbitrary: anyValues,
  encode: valuesPlain,
  decode: (bytes, rows) => readValues(pageOf(bytes, rows.length, PLAIN), rows),
  plain: (rows) => rows,
  isChecked: false,
});

describeByteCodec<Rows<Uint8Array>>('content of a page of bytes', {
  arbitrary: rowsOf(fc.uint8Array({ maxLength: 20 })),
  encode: (rows) =>
    columnBytes((out) => {
      out.append(definitionsOf(rows));
      for (const row of rows) if (row !== undefined) [out.uint32(row.length), out.append(row)];
    }),
  decode: (bytes, rows) => readBytesPage(pageOf(bytes, rows.length, PLAIN), rows.length, 'test').map((row) => row && new Uint8Array(row)),
  plain: (rows) => rows,
  isChecked: false,
});

describeByteCodec<number[]>('content of a page of timestamps', {
  arbitrary: fc.array(anyTimeMs, { minLength: 1, maxLength: 30 }),
  encode: (times) => columnBytes((out) => encodeTimestampsMicros(Float64Array.from(times), 0, times.length, out)),
  decode: (bytes, { length }) => [...readTimestampPage(pageOf(bytes, length, DELTA_BINARY_PACKED), length, 'test')],
  plain: (times) => times,
  isChecked: false,
});

const anyText = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.toWellFormed());
const anyMaps = fc.array(fc.array(anyText, { maxLength: 4 }), { minLength: 1, maxLength: 10 });
const entriesOf = (maps: readonly (readonly string[])[]): number => maps.reduce((sum, map) => sum + Math.max(1, map.length), 0);
const mapsPlain = (maps: readonly (readonly string[])[]): Uint8Array =>
  columnBytes((out) => {
    out.append(levelBytes((levels) => maps.forEach((map) => Array.from({ length: Math.max(1, map.length) }, (_, i) => writeRun(levels, i === 0 ? 0 : 1, 1, 1)))));
    out.append(levelBytes((levels) => maps.forEach((map) => writeRun(levels, map.length === 0 ? 0 : 1, Math.max(1, map.length), 1))));
    for (const text of maps.flat()) {
      const bytes = new TextEncoder().encode(text);
      out.uint32(bytes.length);
      out.append(bytes);
    }
  });

describeByteCodec<string[][]>('content of a page of maps', {
  arbitrary: anyMaps,
  encode: mapsPlain,
  decode: (bytes, maps) => readPlainMapPage(pageOf(bytes, entriesOf(maps), PLAIN), maps.length, 'test'),
  plain: (maps) => maps,
  isChecked: false,
});

test('a page of maps that says it has more entries than it has bytes takes no memory for them', () => {
  const maps = [['a', 'b'], []];
  for (const count of [entriesOf(maps) + 1, 2 ** 31, 2 ** 40]) expect(() => readPlainMapPage(pageOf(mapsPlain(maps), count, PLAIN), maps.length, 'x')).toThrow(DecodeError);
  const plain = levelBytes((out) => writeRun(out, 0, 2 ** 31 - 1, 1));
  expect(() => readPlainMapPage(pageOf(columnBytes((out) => [out.append(plain), out.append(plain)]), 2 ** 31 - 1, PLAIN), 2, 'x')).toThrow(/x: 2147483647 entries/);
});

const SCHEMA: AvroSchema = {
  type: 'record',
  name: 'test',
  fields: [
    { name: 'long', type: 'long', 'field-id': 1 },
    { name: 'text', type: ['null', 'string'], default: null, 'field-id': 2 },
    { name: 'flag', type: 'boolean', 'field-id': 3 },
    { name: 'list', type: { type: 'array', items: 'bytes' }, 'field-id': 4 },
  ],
};

describeByteCodec<AvroValue[]>('Avro file', {
  arbitrary: fc.array(fc.record({ long: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), text: fc.option(anyText, { nil: undefined }), flag: fc.boolean(), list: fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 3 }) }), { minLength: 1, maxLength: 6 }),
  encode: (records) => encodeAvroFile(SCHEMA, records, { a: 'b' }, new Uint8Array(16).fill(9)),
  decode: (bytes) => decodeAvroFile(bytes, 'test').records,
  plain: (records) => records,
  isChecked: false,
});

test.each([
  ['records of nothing', { type: 'record', name: 'r', fields: [] }],
  ['nulls', 'null'],
  ['fixed values of no bytes', { type: 'fixed', size: 0 }],
  ['fixed values of fewer', { type: 'fixed', size: -1 }],
  ['a schema with a field that is none', { type: 'record', name: 'r', fields: [null] }],
])('an Avro file of more %s than it has bytes is refused', (_what, schema) => {
  const file = columnBytes((out) => {
    const bytes = (text: string): void => {
      out.signed(text.length);
      out.append(new TextEncoder().encode(text));
    };
    out.append(Uint8Array.of(0x4f, 0x62, 0x6a, 1));
    out.signed(1);
    bytes('avro.schema');
    bytes(JSON.stringify({ type: 'record', name: 'outer', fields: [{ name: 'list', type: { type: 'array', items: schema } }] }));
    out.signed(0);
    out.append(new Uint8Array(16));
    const block = columnBytes((inner) => {
      inner.signed(2 ** 50);
      inner.signed(0);
    });
    out.signed(1);
    out.signed(block.length);
    out.append(block);
    out.append(new Uint8Array(16));
  });
  expect(() => decodeAvroFile(file, 'x.avro')).toThrow(DecodeError);
});
