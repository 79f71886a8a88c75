import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../proto/decode-error.ts';
import { TIMESTAMP_MS_MAX } from '../../../../storage/chunk/index.ts';
import { EMPTY_HISTOGRAM } from '../../../../storage/model/histogram.ts';
import { decodeAppendMessage } from '../../../../storage/shard/append/append-message.ts';
import { fuzzDecoder, fuzzRounds } from '../../../proto/fuzz-bytes.ts';
import { bareMessage, columnsOf, fullMessage, named, STALE, type TestBatch } from '../batches.ts';

const BATCH: TestBatch = [
  { labels: named('up', { job: 'é' }), samples: [[1.7e12, 1.5], [1.7e12 + 15_000, STALE]] },
  { labels: named('empty'), samples: [] },
  { labels: named('down'), samples: [[-5, -0]] },
];

const NO_EXTRAS = { payloads: [], startsMs: undefined, isDelta: undefined, exemplars: [] };

test('a batch comes back, with the labels that were put in', () => {
  for (const batch of [BATCH, BATCH.slice(0, 1), BATCH.slice(0, 2), []]) {
    expect(decodeAppendMessage(bareMessage(batch))).toEqual({ ...NO_EXTRAS, ...columnsOf(batch), definitions: new Map() });
    const labels = new Map(batch.map((series, i) => [i, series.labels]));
    expect(decodeAppendMessage(fullMessage(batch))).toEqual({ ...NO_EXTRAS, ...columnsOf(batch), definitions: labels });
  }
});

const WITH_EXTRAS: TestBatch = [
  { labels: named('h'), samples: [[10, EMPTY_HISTOGRAM, 5], [20, { ...EMPTY_HISTOGRAM, sum: 7 }]], exemplars: [[15, 1.5, named('x', { trace_id: 'é' })]] },
  { labels: named('d'), samples: [[10, 1], [20, STALE]], isDelta: true },
  { labels: named('only exemplars'), samples: [], exemplars: [[-5, NaN, []]] },
];

describe('a batch with histograms, start timestamps, deltas and exemplars', () => {
  test('comes back', () => {
    const columns = columnsOf(WITH_EXTRAS);
    const { exemplarBytes, ...plain } = columns;
    const read = decodeAppendMessage(fullMessage(WITH_EXTRAS));
    expect(read).toMatchObject({ ...plain, startsMs: Float64Array.of(5, 0, 0, 0), isDelta: Uint32Array.of(0, 1, 0) });
    expect(exemplarBytes?.length).toBeGreaterThan(0);
    expect(read.exemplars).toEqual([
      { series: 0, timestampMs: 15, bitsLow: 0, bitsHigh: 0x3ff80000, labels: named('x', { trace_id: 'é' }) },
      { series: 2, timestampMs: -5, bitsLow: 0, bitsHigh: 0x7ff80000, labels: [] },
    ]);
    expect(read.definitions.size).toBe(3);
  });

  function refused(what: string, change: (view: DataView) => void, reason: string): void {
    test(`${what} is refused`, () => {
      const message = bareMessage(WITH_EXTRAS);
      change(new DataView(message));
      expect(() => decodeAppendMessage(message)).toThrow(DecodeError);
      expect(() => decodeAppendMessage(message)).toThrow(reason);
    });
  }
  // Header of 32 bytes, five columns of three series: samples from byte 96, their values from 128, starts from 160, payloads from 192.
  refused('an unknown flag', (view) => view.setUint32(16, 7, true), 'flags 7 are not known');
  refused('a start timestamp with a fraction', (view) => view.setFloat64(160, 0.5, true), 'the start timestamp 0.5 of sample 0');
  refused('a histogram that is not there', (view) => view.setUint32(128, 2, true), 'sample 0 is histogram 2 of 2');
  refused('a payload longer than all', (view) => view.setUint32(192, 1000, true), 'want 1000 bytes');

  test('cut off anywhere it is refused', () => {
    const message = fullMessage(WITH_EXTRAS);
    for (let length = 0; length < message.byteLength; length++) expect(() => decodeAppendMessage(message.slice(0, length)), `${length}`).toThrow(DecodeError);
  });
});

describe('refused', () => {
  function refused(what: string, change: (words: Uint32Array, message: ArrayBuffer) => void, reason: string): void {
    test(what, () => {
      const message = bareMessage(BATCH);
      change(new Uint32Array(message), message);
      const act = (): unknown => decodeAppendMessage(message);
      expect(act).toThrow(DecodeError);
      expect(act).toThrow(reason);
    });
  }
  // Words: version, series, samples, definition bytes; 3 × low, 3 × high, 3 × check, 3 × end; samples from byte 64.
  refused('another version', (words) => (words[0] = 3), 'version 3, this shard knows 1 and 2');
  refused('more samples than there are', (words) => (words[2] = 4), 'want');
  refused('counts whose sizes overflow 32 bits', (words) => (words[1] = 2 ** 28 + 3), 'want');
  refused('ends that fall', (words) => words.set([2, 1, 3], 13), 'series 1 ends at sample 1');
  refused('ends beyond the samples', (words) => words.set([2, 2, 4], 13), 'ends at sample 4 of 3');
  refused('samples of no series', (words) => words.set([2, 2, 2], 13), 'end at sample 2 of 3');
  for (const timestampMs of [NaN, Infinity, 0.5, TIMESTAMP_MS_MAX + 1, -TIMESTAMP_MS_MAX - 1]) {
    refused(`a timestamp of ${timestampMs}`, (_words, message) => new DataView(message).setFloat64(64, timestampMs, true), 'cannot be stored');
  }

  test('a message cut off anywhere', () => {
    const message = fullMessage(BATCH);
    for (let length = 0; length < message.byteLength; length++) expect(() => decodeAppendMessage(message.slice(0, length)), `${length}`).toThrow(DecodeError);
  });
});

test('damaged messages are decoded or refused, nothing else', { timeout: 600_000 }, () => {
  const originals = [bareMessage(BATCH), fullMessage(BATCH), fullMessage([])].map((message) => new Uint8Array(message));
  fuzzDecoder(originals, fuzzRounds(50_000), (bytes) => void decodeAppendMessage(bytes.slice().buffer), () => originals.forEach((bytes) => decodeAppendMessage(bytes.slice().buffer)));
});
