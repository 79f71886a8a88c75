import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { decodeRequest, RequestColumns } from '../../proto/remote-write-v2.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { bytesField, doubleField, fixed32Field, request, tag, varint, varintField } from './protobuf-fields.ts';
import { encodeReferenceV2 } from './reference-messages.ts';
import { contentOf, randomRequest, referenceContentOf } from './request-content.ts';

describe('what protobufjs encodes', () => {
  test('random requests', () => {
    const random = new SeededRandom(1);
    for (let i = 0; i < 500; i++) {
      const message = encodeReferenceV2(randomRequest(random));
      expect(contentOf(message)).toEqual(referenceContentOf(message));
    }
  });

  test('columns grow past their first size, and the next request forgets them', () => {
    const large = encodeReferenceV2({
      symbols: Array.from({ length: 9000 }, (_, i) => (i === 0 ? '' : `symbol ${i}`)),
      timeseries: Array.from({ length: 9000 }, (_, i) => ({ labelsRefs: Array.from({ length: 20 }, (_, j) => (i + j) % 9000), samples: [{ value: i, timestamp: i, startTimestamp: i }] })),
    });
    const small = encodeReferenceV2({ symbols: ['', 'a'], timeseries: [{ labelsRefs: [1, 1], samples: [{ value: 1, timestamp: 2 }] }] });
    expect(contentOf(large)).toEqual(referenceContentOf(large));
    const columns = new RequestColumns();
    decodeRequest(large, columns);
    decodeRequest(small, columns);
    expect([columns.seriesCount, columns.sampleCount, columns.symbolCount]).toEqual([1, 1, 2]);
    expect([...small.subarray(columns.refsStart[0]!, columns.refsEnd[0]!)]).toEqual([1, 1]);
    expect([columns.metadataType[0], columns.helpRef[0], columns.unitRef[0]]).toEqual([0, 0, 0]);
    expect([columns.startsMs[0], columns.createdMs[0]]).toEqual([0, 0]);
  });
});

const SAMPLE = bytesField(2, [...doubleField(1, 1.5), ...varintField(2, 7)]);

describe('legal protobuf that few senders write', () => {
  function same(name: string, ...fields: readonly (readonly number[])[]): void {
    test(name, () => {
      const message = request(...fields);
      expect(contentOf(message)).toEqual(referenceContentOf(message));
    });
  }
  same('nothing');
  same('an empty series, an empty sample', bytesField(5, []), bytesField(5, bytesField(2, [])));
  same('series before their symbols', bytesField(5, [...bytesField(1, [1, 2]), ...SAMPLE]), bytesField(4, ''), bytesField(4, 'a'), bytesField(4, 'b'));
  same('refs one by one, packed in parts, and around samples', bytesField(5, [...varintField(1, 300), ...SAMPLE, ...bytesField(1, [1, ...varint(70_000)]), ...varintField(1, 5), ...bytesField(1, [])]));
  same('more refs than 63 bytes have room for', bytesField(5, [...bytesField(1, Array.from({ length: 100 }, (_, i) => varint(200 + i)).flat()), ...SAMPLE]));
  same('refs and everything else in turn', bytesField(5, [
    ...SAMPLE, ...varintField(1, 1), ...bytesField(3, varintField(15, 7)), ...varintField(1, 2), ...bytesField(4, bytesField(1, [1, 2])), ...bytesField(5, varintField(1, 2)), ...varintField(6, 9), ...bytesField(1, [3, 4]),
    ...bytesField(2, [...doubleField(1, 2.5), ...varintField(2, 8), ...varintField(3, 6)]), ...varintField(1, 300),
  ]), bytesField(5, [...bytesField(1, [5, 6]), ...SAMPLE]));
  same('refs in more bytes than needed', bytesField(5, bytesField(1, [...varint(1, 2), ...varint(2, 5), ...varint(3, 3)])));
  same('tags in more bytes than needed', [...varint(0x2a, 3), ...varint(SAMPLE.length + 1, 2), ...varint(0x12, 2), ...SAMPLE.slice(1)]);
  same('unknown fields of every wire type, everywhere', varintField(1, 5), bytesField(3, 'x'), fixed32Field(17, 1), bytesField(5, [
    ...varintField(15, -1), ...fixed32Field(16, 9), ...bytesField(2, [...fixed32Field(9, 7), ...doubleField(1, 5), ...bytesField(9, 'y'), ...varintField(2, 6)]),
    ...bytesField(5, [...varintField(2, 5), ...varintField(1, 2), ...doubleField(9, 1)]),
    ...bytesField(4, [...bytesField(1, [1]), ...varintField(1, 2), ...bytesField(9, 'z')]),
    ...bytesField(3, [...varintField(1, 5), ...varintField(9, 2), ...varintField(9, 4), ...doubleField(13, 2.5), ...bytesField(99, 'q'), ...bytesField(8, varintField(7, 1))]),
  ]));
  same('fields that come twice: the last one counts', bytesField(5, [...bytesField(2, [...doubleField(1, 1), ...varintField(2, 1), ...varintField(2, 2), ...doubleField(1, 3)]), ...bytesField(3, [...varintField(1, 5), ...doubleField(2, 2)])]));
  const plain = (value: number, timestampMs: number): number[] => bytesField(5, [...bytesField(1, [1, 2]), ...bytesField(2, [...(value === 0 ? [] : doubleField(1, value)), ...varintField(2, timestampMs)])]);
  same('times that are those of the sample before, and others', plain(1, 1.7e12), plain(0, 1.7e12), plain(2, 1.7e12 + 1), plain(3, 7), plain(0, 1.7e12 + 1), plain(0, 1.7e12));
  same('metadata in two messages, which are one', bytesField(5, [...bytesField(5, [...varintField(1, 2), ...varintField(3, 4)]), ...bytesField(5, varintField(4, 7))]));
  same('a type of metadata that nobody knows', bytesField(5, bytesField(5, varintField(1, 77))), bytesField(5, bytesField(5, varintField(1, -1))));
});

test('refs one by one behind a long field cost one walk, however many they are', () => {
  const [exemplarBytes, refCount] = [1_000_000, 500_000];
  const fields = new Uint8Array(5 + exemplarBytes + refCount * 2);
  fields.set([...tag(4, 2), ...varint(exemplarBytes, 4)]);
  for (let at = 5 + exemplarBytes; at < fields.length; at += 2) fields.set([0x08, 0x01], at);
  const columns = new RequestColumns();
  decodeRequest(Uint8Array.from([...tag(5, 2), ...varint(fields.length), ...fields]), columns);
  expect([columns.seriesCount, columns.exemplars.count, columns.refsEnd[0]! - columns.refsStart[0]!]).toEqual([1, 1, refCount]);
  expect(columns.exemplars.end[0]! - columns.exemplars.start[0]!).toBe(exemplarBytes);
});

test('series with two samples and with none are no series with one each', () => {
  const columns = new RequestColumns();
  const hasOneEach = (...sampleCounts: readonly number[]): boolean => {
    decodeRequest(request(...sampleCounts.map((count) => bytesField(5, [...bytesField(1, [1, 1]), ...Array.from({ length: count }, () => SAMPLE).flat()]))), columns);
    return columns.hasOneSampleEach;
  };
  expect([hasOneEach(1, 1), hasOneEach(2, 0, 1), hasOneEach(), hasOneEach(0), hasOneEach(2), hasOneEach(1)]).toEqual([true, false, true, false, false, true]);
});

test('only refs that lie apart move bytes: long ones stay where they are', () => {
  const columns = new RequestColumns();
  decodeRequest(request(bytesField(5, [...bytesField(1, Array.from({ length: 200 }, () => 1)), ...SAMPLE])), columns);
  expect(columns.hasMoved).toBe(false);
  decodeRequest(request(bytesField(5, [...bytesField(1, [1]), ...SAMPLE, ...bytesField(1, [1])])), columns);
  expect(columns.hasMoved).toBe(true);
});

describe('refused', () => {
  function refused(name: string, reason: string, ...fields: readonly (readonly number[])[]): void {
    test(name, () => {
      const act = (): unknown => contentOf(request(...fields));
      expect(act).toThrow(DecodeError);
      expect(act).toThrow(reason);
    });
  }
  refused('a first symbol that is not empty', 'the first symbol is not empty', bytesField(4, 'a'));
  refused('symbols that are no strings', 'wire type 0 for field 4', varintField(4, 1));
  refused('series that are no messages', 'wire type 1 for field 5', doubleField(5, 1));
  refused('refs that are doubles', 'wire type 1 for field 1', bytesField(5, doubleField(1, 1)));
  refused('samples that are no messages', 'wire type 0 for field 2', bytesField(5, varintField(2, 1)));
  refused('a value that is no double', 'wire type 0 for field 1', bytesField(5, bytesField(2, varintField(1, 1))));
  refused('a ref above 32 bits', 'above 32 bits', bytesField(5, bytesField(1, varint(2n ** 32n))));
  refused('a ref that is cut off', 'beyond its end', bytesField(5, [...bytesField(1, [0x80]), ...SAMPLE]));
  refused('a ref that would go on in another field', 'beyond its end', bytesField(5, [...bytesField(1, [1, 0x80]), ...bytesField(1, [1]), ...SAMPLE]));
  refused('a symbol that reaches out', 'beyond its end', [...tag(4, 2), 5, 97]);
  refused('a sample that reaches out of its series', 'beyond its end', bytesField(5, [...tag(2, 2), 20, 9]), bytesField(4, 'x'.repeat(30)));
  refused('as many zeros as a timestamp has bytes', 'field number 0', bytesField(5, [...bytesField(1, [1, 2]), ...bytesField(2, [...tag(2, 0), 0, 0, 0, 0, 0, 0])]));
  refused('a group', 'wire type 3', tag(7, 3), tag(7, 4));
  refused('field number 0', 'field number 0', varintField(0, 1));
  refused('a histogram whose deltas are doubles', 'wire type 1 for field 9', bytesField(5, bytesField(3, doubleField(9, 1))));
  refused('a histogram whose span reaches out', 'beyond its end', bytesField(5, bytesField(3, [...tag(8, 2), 9, 8])));
  refused('packed floats that are cut off', 'beyond its end', bytesField(5, bytesField(3, bytesField(13, [1, 2, 3]))));

  test('a message cut off at any byte inside a field', () => {
    const parts = [bytesField(4, ''), bytesField(4, 'ab'), bytesField(5, [...bytesField(1, [1, 1]), ...SAMPLE, ...bytesField(5, varintField(1, 2))])];
    const whole = request(...parts);
    const boundaries = new Set(parts.reduce((ends, part) => [...ends, ends.at(-1)! + part.length], [0]));
    for (let length = 0; length <= whole.length; length++) {
      const act = (): unknown => contentOf(whole.subarray(0, length));
      if (boundaries.has(length)) expect(act, `${length} bytes`).not.toThrow();
      else expect(act, `${length} bytes`).toThrow(DecodeError);
    }
  });
});

test('two-byte fields do not cost the memory: more entries than allowed are refused', () => {
  const count = 50_000;
  const pairs = (tagByte: number): number[] => Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? tagByte : 0));
  const columns = new RequestColumns(8192);
  const decode = (message: Uint8Array) => () => decodeRequest(message, columns);
  expect(decode(Uint8Array.from(pairs(0x2a)))).toThrow('more than 8192 series in one request');
  expect(decode(Uint8Array.from(pairs(0x22)))).toThrow('more than 8192 symbols in one request');
  expect(decode(request(bytesField(5, pairs(0x12))))).toThrow('more than 8192 samples in one request');
  expect(decode(request(bytesField(5, pairs(0x1a))))).toThrow('more than 8192 histograms in one request');
  expect(decode(request(bytesField(5, pairs(0x22))))).toThrow('more than 8192 exemplars in one request');
  expect(columns.symbolStart.length + columns.refsStart.length + columns.timestampsMs.length).toBe(3 * 8192);
});
