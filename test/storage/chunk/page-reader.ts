import { crc32, zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import type { CounterResetHint, FloatHistogram, Span } from '../../../storage/model/histogram.ts';

/**
 * Readers of what storage/chunk/FORMAT.md draws, written from the page and apart from the code: where they part, or the code's writer and
 * reader change together, what is stored already could no longer be read.
 */

const STALE_BITS = 0x7ff0000000000002n;
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge'];

/** The bits of a float, or the payload of a histogram. */
export type PageValue = bigint | Uint8Array;

export class PageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8((this.position += 1) - 1);
  }

  u32(): number {
    return this.#view.getUint32((this.position += 4) - 4, true);
  }

  f64(): number {
    return this.#view.getFloat64((this.position += 8) - 8, true);
  }

  bits(): bigint {
    return this.#view.getBigUint64((this.position += 8) - 8, true);
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  }

  signed(): number {
    return Number(unzigzag(BigInt(this.varint())));
  }

  take(count: number): Uint8Array {
    expect(this.position + count).toBeLessThanOrEqual(this.#bytes.length);
    return this.#bytes.subarray(this.position, (this.position += count));
  }

  peek(): number {
    return this.#bytes[this.position]!;
  }

  /** The CRC-32 that comes next is that of all from `from` on. */
  expectCrc(from: number): void {
    expect(this.u32()).toBe(crc32(this.#bytes.subarray(from)));
  }

  expectZeros(count: number): void {
    expect([...this.take(count)]).toEqual(Array.from({ length: count }, () => 0));
  }

  expectEnd(): void {
    expect(this.position).toBe(this.#bytes.length);
  }
}

function unzigzag(value: bigint): bigint {
  return (value & 1n) === 1n ? -((value + 1n) >> 1n) : value >> 1n;
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export function readLabels(page: PageReader): string[] {
  return times(page.varint(), () => Buffer.from(page.take(page.varint())).toString());
}

export function readTimestamps(page: PageReader, count: number): number[] {
  const all = [page.signed()];
  for (let delta = 0; all.length < count; ) {
    delta += page.signed();
    for (let run = page.varint(); run > 0; run--) all.push(all.at(-1)! + delta);
  }
  expect(all).toHaveLength(count);
  return all;
}

function readPositions(page: PageReader): number[] {
  let at = -1;
  return times(page.varint(), () => (at += page.varint() + 1));
}

function putBack<T>(rest: readonly T[], positions: readonly number[], taken: readonly T[]): T[] {
  const all = [...rest];
  positions.forEach((position, i) => all.splice(position, 0, taken[i]!));
  return all;
}

/** The bits of a column of values. `codecs` is told the codec and flags. */
export function readValues(page: PageReader, count: number, codecs = new Set<string>()): bigint[] {
  const head = page.u8();
  const stale = (head & 0x80) === 0 ? [] : readPositions(page);
  const exceptions = (head & 0x40) === 0 ? [] : readPositions(page);
  const exceptionBits = exceptions.map(() => page.bits());
  const codec = head & 0x3f;
  codecs.add(`codec ${codec}`);
  if (stale.length > 0) codecs.add('stale markers');
  if (exceptions.length > 0) codecs.add('exceptions');
  const plain = readCodec(page, codec, count - stale.length - exceptions.length);
  return putBack(
    putBack(plain, exceptions, exceptionBits),
    stale,
    stale.map(() => STALE_BITS),
  );
}

function readCodec(page: PageReader, codec: number, count: number): bigint[] {
  if (codec === 0) return new Array<bigint>(count).fill(page.bits());
  if (codec === 1 || codec === 3) return readDecimals(page, codec === 3, count);
  if (codec === 2) return times(count, () => page.bits());
  expect([4, 7]).toContain(codec);
  const planes = page.take(count * 8);
  let before = 0n;
  return times(count, (i) => {
    const word = times(8, (plane) => BigInt(planes[plane * count + i]!)).reduce((high, byte) => (high << 8n) | byte, 0n);
    return (before = codec === 4 ? before ^ word : BigInt.asUintN(64, before + unzigzag(word)));
  });
}

function readDecimals(page: PageReader, isSteady: boolean, count: number): bigint[] {
  const exponent = page.u8();
  let integer = 0;
  let difference = 0;
  return times(count, (i) => {
    difference = isSteady && i >= 2 ? difference + page.signed() : page.signed();
    integer += difference;
    return bitsOf(integer / 10 ** exponent);
  });
}

function bitsOf(value: number): bigint {
  return new DataView(Float64Array.of(value).buffer).getBigUint64(0, true);
}

/** A sample column. `codecs` is told the codecs in it. */
export function readColumn(page: PageReader, count: number, codecs: Set<string>): { values: PageValue[]; startsMs: number[] } {
  const startsMs: number[] = page.peek() === 6 ? [] : times(count, () => 0);
  if (startsMs.length === 0) {
    codecs.add(`codec ${page.u8()}`);
    for (let startMs = 0; startsMs.length < count; ) {
      startMs += page.signed();
      startsMs.push(...times(page.varint(), () => startMs));
    }
  }
  if (page.peek() !== 5) return { values: readValues(page, count, codecs), startsMs };
  codecs.add(`codec ${page.u8()}`);
  const positions = readPositions(page);
  const payloads = positions.map(() => page.varint()).map((size) => page.take(size).slice());
  payloads.slice(1).forEach((payload, i) => payloads[i]!.subarray(0, payload.length).forEach((byte, at) => (payload[at]! ^= byte)));
  const floats = count > positions.length ? readValues(page, count - positions.length, codecs) : [];
  return { values: putBack<PageValue>(floats, positions, payloads), startsMs };
}

export function readZstd(packed: Uint8Array, plainBytes: number): PageReader {
  const page = new PageReader(packed);
  const plain = Buffer.concat(times(page.varint(), () => zstdDecompressSync(page.take(page.varint()))));
  page.expectEnd();
  expect(plain).toHaveLength(plainBytes);
  return new PageReader(new Uint8Array(plain));
}

/** What differences add up to. */
export function risen(differences: readonly number[]): number[] {
  let at = 0;
  return differences.map((difference) => (at += difference));
}

/** A histogram's payload, and whether its sender counts in integers. */
export function readHistogram(payload: Uint8Array): { histogram: FloatHistogram; isInteger: boolean } {
  const page = new PageReader(payload);
  const flags = page.u8();
  const isVarint = (flags & 0x08) !== 0;
  const number = (): number => (isVarint ? page.varint() : page.f64());
  const side = (): { spans: Span[]; buckets: number[] } => {
    const spans = times(page.varint(), () => ({ offset: page.signed(), length: page.varint() }));
    const buckets = times(page.varint(), () => (isVarint ? page.signed() : page.f64()));
    return { spans, buckets: isVarint ? risen(buckets) : buckets };
  };
  const head = { counterResetHint: HINTS[flags & 0x03]!, schema: page.signed(), zeroThreshold: page.f64(), sum: page.f64(), count: number(), zeroCount: number() };
  const [positive, negative] = [side(), side()];
  const customValues = times(page.varint(), () => page.f64());
  page.expectEnd();
  const sides = { positiveSpans: positive.spans, positiveBuckets: positive.buckets, negativeSpans: negative.spans, negativeBuckets: negative.buckets };
  return { histogram: { ...head, ...sides, customValues }, isInteger: (flags & 0x04) !== 0 };
}
