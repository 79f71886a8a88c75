import { snappyUncompress } from 'hysnappy';
import { describe, expect, test } from 'vitest';
import { WriteRequestColumns, decodeWriteRequest, readLabels } from '../../proto/remote-write-v1.ts';
import { decodeReferenceV2 } from '../proto/reference-messages.ts';
import { compressPatchable } from './patchable-snappy.ts';
import { RemoteWriteBody } from './remote-write-body.ts';
import { podShape } from './shapes.ts';
import { ValueGenerator } from './values.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const { series } = podShape({ seed: 7, podCount: 2, scrapeCount: 1, nowMs: NOW_MS });

/** The plain length stands in front of the compressed bytes as a varint. */
function uncompress(bytes: Uint8Array): Uint8Array {
  let length = 0;
  let at = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return snappyUncompress(bytes, length);
  }
}

describe('compressPatchable', () => {
  function roundTrip(plain: Uint8Array, patchable: readonly number[]): void {
    const isFixed = new Uint8Array(plain.length).fill(1);
    for (const position of patchable) isFixed[position] = 0;
    const { compressed, patchOffsets } = compressPatchable(plain, isFixed, patchable);
    expect(uncompress(compressed)).toEqual(plain);
    // Overwriting in the compressed bytes must change those bytes of the plain ones, and no other.
    const wanted = plain.slice();
    for (const [index, position] of patchable.entries()) {
      wanted[position] = 0xa5;
      compressed[patchOffsets[index]!] = 0xa5;
    }
    expect(uncompress(compressed)).toEqual(wanted);
  }

  test('bytes of all kinds come back, patched and not', () => {
    roundTrip(new TextEncoder().encode('abc'), [1]);
    roundTrip(new Uint8Array(1_000).fill(7), []);
    roundTrip(new Uint8Array(1_000).fill(7), [0, 400, 999]);
    roundTrip(new TextEncoder().encode('the same label="value" '.repeat(8_000)), [5, 70_000, 150_000]);
    roundTrip(Uint8Array.from({ length: 300 }, (_, index) => (index * 89) % 251), [100]);
    roundTrip(Uint8Array.from({ length: 70_000 }, (_, index) => ((index * index * 31) >>> 3) & 0xff), [1, 69_999]);
  });
});

describe('RemoteWriteBody', () => {
  function decode(bytes: Uint8Array): { labels: string[][]; timestampsMs: number[]; values: number[] } {
    const plain = uncompress(bytes);
    const columns = new WriteRequestColumns();
    decodeWriteRequest(plain, columns);
    const labels = Array.from({ length: columns.seriesCount }, (_, index) => readLabels(plain, columns.labelsStart[index]!, columns.labelsEnd[index]!));
    const values = new Float64Array(columns.valueBits.buffer, 0, columns.sampleCount);
    return { labels, timestampsMs: [...columns.timestampsMs.subarray(0, columns.sampleCount)], values: [...values] };
  }

  test('each patch gives every series the new timestamp and its own value, and leaves the labels', () => {
    const body = new RemoteWriteBody(series);
    const generator = new ValueGenerator(series, 7);
    for (const timestampMs of [NOW_MS, NOW_MS + 15_000]) {
      generator.advance();
      body.patch(timestampMs, generator.values);
      expect(decode(body.bytes)).toEqual({
        labels: series.map(({ labels }) => labels.flat()),
        timestampsMs: series.map(() => timestampMs),
        values: [...generator.values],
      });
    }
  });

  test('it is compressed', () => {
    const body = new RemoteWriteBody(series);
    expect(body.bytes.length * 4).toBeLessThan(uncompress(body.bytes).length);
  });

  test('a timestamp that does not fit is refused', () => {
    expect(() => new RemoteWriteBody(series).patch(1_000, new Float64Array(series.length))).toThrow('six varint bytes');
  });
});

test('a 2.0 body: symbols once, and each patch gives every series the new timestamp and its own value', () => {
  const body = new RemoteWriteBody(series, '2.0');
  const generator = new ValueGenerator(series, 7);
  for (const timestampMs of [NOW_MS, NOW_MS + 15_000]) {
    generator.advance();
    body.patch(timestampMs, generator.values);
    const { symbols, timeseries } = decodeReferenceV2(uncompress(body.bytes));
    expect(new Set(symbols).size).toBe(symbols.length);
    expect(timeseries.map(({ labelsRefs }) => labelsRefs!.map((ref) => symbols[ref]))).toEqual(series.map(({ labels }) => labels.flat()));
    expect(timeseries.map(({ samples }) => samples)).toEqual([...generator.values].map((value) => [{ value, timestamp: String(timestampMs) }]));
    expect(timeseries.every(({ metadata }) => symbols[metadata!.helpRef!]!.startsWith('Help of '))).toBe(true);
  }
  expect(body.bytes.length).toBeLessThan(new RemoteWriteBody(series).bytes.length);
});
