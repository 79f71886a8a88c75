import { DecodeError } from '../../../proto/decode-error.ts';
import type { ByteReader } from '../../../proto/varint.ts';
import type { Labels } from '../../model/labels.ts';
import type { ColumnChunkWriter } from './column-chunk-writer.ts';
import { readPrefixedLevels, writeRun } from './hybrid-runs.ts';
import { openPage } from './page-reader.ts';
import { PLAIN, type ColumnChunk } from './parquet-footer.ts';
import { PAGE_BYTES_TARGET } from './zstd-frame.ts';

/*
 * Maps of strings whose rows have little in common, such as the labels of exemplars: plain, where the labels of series have dictionaries.
 * A page has a repetition level for each entry (0 begins a row), a definition level (0 is a row without an entry), and the texts.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The columns of keys and of values; a row is names and values in turn. */
export function writePlainMaps(rows: readonly Labels[], chunk: ColumnChunkWriter): [keys: ColumnChunk, values: ColumnChunk] {
  return [writeSide(rows, 0, chunk), writeSide(rows, 1, chunk)];
}

function writeSide(rows: readonly Labels[], side: 0 | 1, chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  for (let start = 0, end = 0; start < rows.length; start = end) {
    const texts: Uint8Array[] = [];
    const repetitions: number[] = [];
    const definitions: number[] = [];
    for (let bytes = 0; end < rows.length && (end === start || bytes < PAGE_BYTES_TARGET); end++) {
      const row = rows[end]!;
      if (row.length === 0) {
        repetitions.push(0);
        definitions.push(0);
      }
      for (let i = 0; i < row.length; i += 2) {
        const text = encoder.encode(row[i + side]);
        texts.push(text);
        repetitions.push(i === 0 ? 0 : 1);
        definitions.push(1);
        bytes += text.length + 4;
      }
    }
    writeLevels(repetitions, chunk);
    writeLevels(definitions, chunk);
    for (const text of texts) {
      chunk.plain.uint32(text.length);
      chunk.plain.append(text);
    }
    chunk.page(start, repetitions.length, PLAIN);
  }
  return chunk.finish(0, undefined);
}

function writeLevels(levels: readonly number[], { plain }: ColumnChunkWriter): void {
  const runs: { value: number; length: number }[] = [];
  for (const value of levels) {
    const last = runs.at(-1);
    if (last?.value === value) last.length++;
    else runs.push({ value, length: 1 });
  }
  // A varint of up to so many bytes, and the value.
  const bytesOf = (length: number): number => 1 + Math.max(1, Math.ceil((32 - Math.clz32(length * 2)) / 7));
  plain.uint32(runs.reduce((sum, { length }) => sum + bytesOf(length), 0));
  for (const { value, length } of runs) writeRun(plain, value, length, 1);
}

/** Keys or values by row. */
export function readPlainMapPage(bytes: Uint8Array, rowCount: number, where: string): string[][] {
  const { reader, valueCount } = openPage(bytes, undefined, PLAIN, where);
  // An entry has a text, with its length in front, or is a row: a few bytes of levels must not ask for more memory than that.
  if (valueCount > rowCount + (reader.end - reader.position) / 4) throw new DecodeError(`${where}: ${valueCount} entries in ${rowCount} rows and ${reader.end - reader.position} bytes`);
  const repetitions = readPrefixedLevels(reader, valueCount);
  const definitions = readPrefixedLevels(reader, valueCount);
  const rows: string[][] = [];
  for (let i = 0; i < valueCount; i++) {
    if (repetitions[i] === 0) rows.push([]);
    const row = rows.at(-1);
    if (row === undefined || (definitions[i] === 0 && repetitions[i] === 1)) throw new DecodeError(`${where}: entry ${i} belongs to no row`);
    if (definitions[i] === 1) row.push(readText(reader, where));
  }
  if (rows.length !== rowCount || !reader.done) throw new DecodeError(`${where}: ${rows.length} rows where ${rowCount} are due, ${reader.end - reader.position} bytes left`);
  return rows;
}

function readText(reader: ByteReader, where: string): string {
  const bytes = reader.take(reader.uint32());
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new DecodeError(`${where}: invalid UTF-8 before byte ${reader.position}`, { cause: error });
  }
}
