import { expect, test } from 'vitest';
import { dataFileKey, manifestListName, manifestName, metadataName, parseFileName, parseMetadataName, type NewFile } from '../../../storage/catalog/object-names.ts';
import { DAY_MS } from '../../../storage/runtime/units.ts';

const PLAN = '0123456789abcdef0123456789abcdef';
const DAY = Date.UTC(2026, 10, 25) / DAY_MS;

test.each<[string, Partial<NewFile>, string, number | undefined]>([
  ['a flush', { madeBy: 12 }, `samples/data/timestamp_day=2026-11-25/1-3-00000012-0002-${PLAN}.parquet`, 12],
  ['a flush whose name is taken', { madeBy: 12, crc: 99 }, `samples/data/timestamp_day=2026-11-25/1-3-00000012-0002-${PLAN}-99.parquet`, 12],
  ['a merge', { madeBy: 'merged' }, `samples/data/timestamp_day=2026-11-25/1-3-merged-0002-${PLAN}.parquet`, undefined],
  ['a file without what is deleted', { madeBy: 'rewritten' }, `samples/data/timestamp_day=2026-11-25/1-3-rewritten-0002-${PLAN}.parquet`, undefined],
  ['roll-ups of a month', { table: 'rollup_1h' }, `rollup_1h/data/timestamp_month=2026-11/1-3-0002-${PLAN}.parquet`, undefined],
])('%s has a name that says what it is of', (_, some, name, flush) => {
  const file: NewFile = { table: 'samples', day: DAY, shard: '1/3', madeBy: undefined, position: 2, planId: PLAN, ...some };
  const key = dataFileKey('acme/archive', file);
  expect(key).toBe(`acme/archive/${name}`);
  expect(parseFileName(key.slice(`acme/archive/${file.table}/`.length))).toEqual({ shard: '1/3', flush, position: 2, planId: PLAN });
});

test('names of metadata say whose plan it was, and which version', () => {
  expect(metadataName(7, PLAN)).toBe(`metadata/00007-${PLAN}.metadata.json`);
  expect(parseMetadataName(metadataName(7, PLAN))).toEqual({ planId: PLAN, version: 7 });
  expect(parseMetadataName(manifestListName(5, PLAN))).toEqual({ planId: PLAN, version: undefined });
  expect(parseMetadataName(manifestName(0, PLAN))).toEqual({ planId: PLAN, version: undefined });
  expect(parseMetadataName('metadata/version-hint.text')).toBeUndefined();
  expect(parseFileName(metadataName(7, PLAN))).toBeUndefined();
});
