import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../../proto/varint.ts';
import { readDataPageHeader, readFooter, readOffsetIndex, writeDictionaryPageHeader } from '../../../../storage/archive/parquet/parquet-footer.ts';
import { THRIFT_STRUCT, writeStruct } from '../../../../storage/archive/parquet/thrift.ts';
import { ColumnWriter } from '../../../../storage/chunk/index.ts';

interface Group {
  readonly rows: number;
  readonly columns: number;
}

/** A footer that says no more than what is read of one. */
function footer(rows: number, groups: readonly Group[]): Uint8Array {
  const out = new ColumnWriter(64);
  writeStruct(out, (fields) => {
    fields.i64(3, rows);
    fields.list(4, THRIFT_STRUCT, groups, (group) =>
      writeStruct(out, (ofGroup) => {
        ofGroup.list(1, THRIFT_STRUCT, Array.from({ length: group.columns }, (_, i) => i), (column) => writeStruct(out, (chunk) => chunk.i64(4, 100 * column).i32(5, 10)));
        ofGroup.i64(3, group.rows);
      }),
    );
    fields.list(5, THRIFT_STRUCT, ['a'], (key) => writeStruct(out, (pair) => pair.text(1, key).text(2, 'b')));
  });
  return out.written();
}

function offsetIndex(firstRows: readonly number[]): Uint8Array {
  const out = new ColumnWriter(64);
  writeStruct(out, (fields) => {
    fields.list(1, THRIFT_STRUCT, firstRows, (firstRow, at) => writeStruct(at, (page) => page.i64(1, firstRow * 10).i32(2, 5).i64(3, firstRow)));
  });
  return out.written();
}

describe('a footer', () => {
  const f = (rows: number, groups: readonly Group[]) => readFooter(footer(rows, groups), 2, 'a.parquet');

  test('says where the pages of each column are', () => {
    const places = [{ offset: 0, bytes: 10 }, { offset: 100, bytes: 10 }];
    expect(f(7, [{ rows: 5, columns: 2 }, { rows: 2, columns: 2 }])).toEqual({
      rowCount: 7,
      rowGroups: [{ rowCount: 5, offsetIndexes: places }, { rowCount: 2, offsetIndexes: places }],
      keyValues: new Map([['a', 'b']]),
    });
    expect(f(0, [])).toMatchObject({ rowCount: 0, rowGroups: [] });
  });

  test('whose row groups have more or fewer rows than it says is refused', () => {
    expect(() => f(8, [{ rows: 5, columns: 2 }, { rows: 2, columns: 2 }])).toThrow('a.parquet: 8 rows, 7 in row groups');
    expect(() => f(6, [{ rows: 5, columns: 2 }, { rows: 2, columns: 2 }])).toThrow('a.parquet: 6 rows, 7 in row groups');
    expect(() => f(1, [])).toThrow('a.parquet: 1 rows, 0 in row groups');
  });

  test('with another number of columns, in any row group, is refused', () => {
    expect(() => f(7, [{ rows: 5, columns: 2 }, { rows: 2, columns: 3 }])).toThrow('a.parquet: 3 columns, want 2');
    expect(() => f(5, [{ rows: 5, columns: 1 }])).toThrow('a.parquet: 1 columns, want 2');
  });
});

describe('an offset index', () => {
  const f = (firstRows: readonly number[], rows: number) => readOffsetIndex(offsetIndex(firstRows), rows, 'a.parquet').map(({ firstRow }) => firstRow);

  test('has pages that follow each other, from the first row on', () => {
    expect(f([0, 3, 4], 5)).toEqual([0, 3, 4]);
    expect(() => f([1], 5)).toThrow('page 0 begins at row 1 of 5');
    expect(() => f([0, 3, 3], 5)).toThrow('page 2 begins at row 3 of 5');
    expect(() => f([0, 3, 2], 5)).toThrow('page 2 begins at row 2 of 5');
    expect(() => f([0, 5], 5)).toThrow('page 1 begins at row 5 of 5');
    expect(() => f([], 5)).toThrow('no pages');
  });
});

test('lists inside each other are read as deep as structs are, and not until the stack is full', () => {
  // Each byte is a field, or an element, that is a list of one list.
  expect(() => readFooter(new Uint8Array(100_000).fill(0x19), 1, 'x')).toThrow('x: footer: more than 16 structs and lists inside each other');
});

test('a page of another kind is no page of data', () => {
  const out = new ColumnWriter(64);
  writeDictionaryPageHeader(out, { plainBytes: 1, bytes: 1, crc: 1, valueCount: 1, encoding: 0 });
  expect(() => readDataPageHeader(new ByteReader(out.written()), 'a.parquet')).toThrow('a.parquet: page type 2, want 0');
});
