import { expect } from 'vitest';
import { PageReader, readColumn, readLabels, readTimestamps, readValues, readZstd, risen, times, type PageValue } from '../chunk/page-reader.ts';

/** Readers of what storage/shard/FORMAT.md draws, written from the page and apart from the code, as those of the columns are. */

const HISTOGRAM_WORD = 0xfffa0000n;

export interface PageSample {
  readonly ref: number;
  readonly timestampMs: number;
  readonly value: PageValue;
  /** 0 where unknown. */
  readonly startMs: number;
}

/** The samples of a WAL row. `forms` is told the version and the kind of times. */
export function readWalRow(row: Uint8Array, forms: Set<string>): PageSample[] {
  const page = new PageReader(row);
  const [version, kind] = [page.u8(), page.u8()];
  page.expectZeros(2);
  const count = page.u32();
  page.expectCrc(16);
  const extra = page.u32();
  forms.add(`wal version ${version}`).add(`wal times ${kind}`);
  if (version === 1) expect(extra).toBe(0);
  const baseMs = page.f64();
  const timestampsMs = times(count, () => (kind === 0 ? baseMs : kind === 1 ? baseMs + page.u32() : page.f64()));
  const refs = version === 3 ? times(extra, () => runFrom(page.u32(), page.u32())).flat() : times(count, () => page.u32());
  expect(refs).toHaveLength(count);
  const values: PageValue[] = times(count, () => page.bits());
  let startsMs: readonly number[] = [];
  if (version === 2) {
    startsMs = page.u8() === 1 ? times(count, () => page.f64()) : [];
    const payloads = times(extra, () => page.u32()).map((size) => page.take(size));
    values.forEach((bits, i) => {
      if (typeof bits === 'bigint' && bits >> 32n === HISTOGRAM_WORD) values[i] = payloads[Number(bits & 0xffff_ffffn)]!;
    });
  }
  page.expectEnd();
  return refs.map((ref, i) => ({ ref, timestampMs: timestampsMs[i]!, value: values[i]!, startMs: startsMs[i] ?? 0 }));
}

function runFrom(first: number, length: number): number[] {
  expect(length).toBeGreaterThan(0);
  return times(length, (i) => first + i);
}

export interface PageSeries {
  readonly ref: number;
  readonly id: readonly number[];
  readonly labels: readonly string[];
}

/** Series block. */
export function readSeriesBlock(definitions: Uint8Array, firstRef: number): PageSeries[] {
  const page = new PageReader(definitions);
  const version = page.u8();
  page.expectZeros(3);
  const count = page.u32();
  page.expectCrc(12);
  let ref = firstRef;
  const series = times(count, (i) => {
    ref = version === 2 ? ref + page.varint() : firstRef + i;
    return { ref, id: times(3, () => page.u32()), labels: readLabels(page) };
  });
  page.expectEnd();
  return series;
}

/** Segment row. `codecs` is told the codecs of its columns. */
export function readSegment(row: Uint8Array, codecs: Set<string>): PageSample[] {
  const page = new PageReader(row);
  expect(page.u8()).toBe(4);
  page.expectZeros(3);
  page.expectCrc(8);
  const packedBytes = page.u32();
  const plainBytes = page.u32();
  const directory = readZstd(page.take(packedBytes), plainBytes);
  const [series, valueFrames, columns, timeFrames] = times(4, () => directory.varint()) as [number, number, number, number];
  const frames = times(timeFrames + valueFrames, () => times(3, () => directory.varint()));
  const columnSamples = times(columns, () => directory.varint());
  const columnBytes = times(columns, () => directory.varint());
  const refs = risen(times(series, () => directory.signed()));
  const columnOf = risen(times(series, () => directory.signed()));
  const valueBytes = times(series, () => directory.varint());
  directory.expectEnd();
  const [timeParts, valueParts] = [frames.slice(0, timeFrames), frames.slice(timeFrames)];
  const timestampsMs = framed(page, timeParts, columnBytes, (frame, column) => readTimestamps(frame, columnSamples[column]!));
  const values = framed(page, valueParts, valueBytes, (frame, one) => readColumn(frame, timestampsMs[columnOf[one]!]!.length, codecs));
  page.expectEnd();
  return refs.flatMap((ref, one) =>
    timestampsMs[columnOf[one]!]!.map((timestampMs, i) => ({ ref, timestampMs, value: values[one]!.values[i]!, startMs: values[one]!.startsMs[i]! })),
  );
}

/** What frames hold, one behind the other: of each, how many and its bytes, packed and plain. */
function framed<T>(page: PageReader, frames: readonly (readonly number[])[], bytes: readonly number[], read: (frame: PageReader, index: number) => T): T[] {
  const all: T[] = [];
  for (const [count, packedBytes, plainBytes] of frames) {
    const frame = readZstd(page.take(packedBytes!), plainBytes!);
    for (let i = 0; i < count!; i++) {
      const { position } = frame;
      all.push(read(frame, all.length));
      expect(frame.position - position).toBe(bytes[all.length - 1]);
    }
    frame.expectEnd();
  }
  expect(all).toHaveLength(bytes.length);
  return all;
}

/** Refs of a segment. */
export function readRefRuns(refs: Uint8Array): number[] {
  const page = new PageReader(refs);
  expect(page.u8()).toBe(1);
  page.expectCrc(5);
  let next = 0;
  const all = times(page.varint(), () => {
    const run = runFrom(next + page.varint(), page.varint());
    next = run.at(-1)! + 1;
    return run;
  }).flat();
  page.expectEnd();
  return all;
}

/** List of segments. */
export function readSegmentList(list: Uint8Array): number[] {
  const page = new PageReader(list);
  expect(page.u8()).toBe(2);
  page.expectCrc(5);
  const ids = risen(times(page.varint(), () => page.signed()));
  page.expectEnd();
  return ids;
}

/** Exemplar row. */
export function readExemplarRow(row: Uint8Array): { id: number[]; timestampMs: number; value: number; labels: string[] }[] {
  const page = new PageReader(row);
  expect(page.u8()).toBe(1);
  page.expectZeros(3);
  const count = page.u32();
  page.expectCrc(12);
  const exemplars = times(count, () => ({ id: times(3, () => page.u32()), timestampMs: page.signed(), value: page.f64(), labels: readLabels(page) }));
  page.expectEnd();
  return exemplars;
}

/** A late batch. */
export function readLateBatch(batch: Uint8Array): { labels: string[]; timestampsMs: number[]; values: bigint[]; startsMs: number[] }[] {
  const page = new PageReader(batch);
  expect(page.u8()).toBe(1);
  page.expectZeros(3);
  page.expectCrc(8);
  const [series, samples, plainBytes] = [page.u32(), page.u32(), page.u32()];
  page.expectZeros(4);
  const [oldestMs, newestMs] = [page.f64(), page.f64()];
  const content = readZstd(page.take(batch.length - page.position), plainBytes);
  const all = times(series, () => {
    const labels = readLabels(content);
    const timestampsMs = readTimestamps(content, content.varint());
    const values = readValues(content, timestampsMs.length);
    return { labels, timestampsMs, values, startsMs: content.u8() === 0 ? [] : timestampsMs.map((timestampMs) => timestampMs - content.signed()) };
  });
  content.expectEnd();
  const timestampsMs = all.flatMap((one) => one.timestampsMs);
  expect([timestampsMs.length, Math.min(...timestampsMs), Math.max(...timestampsMs)]).toEqual([samples, oldestMs, newestMs]);
  return all;
}
