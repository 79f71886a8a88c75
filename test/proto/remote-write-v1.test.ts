import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { decodeWriteRequest, readLabels, WriteRequestColumns } from '../../proto/remote-write-v1.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { bytesField, doubleField, fixed32Field, label, request, sample, series, tag, varint, varintField } from './protobuf-fields.ts';
import { referenceDecode, type ReferenceSeries } from './reference-write-request.ts';

const STALE_BITS = 0x7ff0000000000002n;

/** What the columns hold, in the shape of the reference decoder. */
function decode(message: Uint8Array): ReferenceSeries[] {
  const bytes = message.slice();
  const columns = new WriteRequestColumns();
  decodeWriteRequest(bytes, columns);
  return contentOf(bytes, columns);
}

function contentOf(bytes: Uint8Array, columns: WriteRequestColumns): ReferenceSeries[] {
  return Array.from({ length: columns.seriesCount }, (_, i) => ({
    labels: readLabels(bytes, columns.labelsStart[i]!, columns.labelsEnd[i]!),
    samples: Array.from({ length: columns.sampleStart[i + 1]! - columns.sampleStart[i]! }, (_, j) => {
      const at = columns.sampleStart[i]! + j;
      const bits = (BigInt(columns.valueBits[at * 2 + 1]!) << 32n) | BigInt(columns.valueBits[at * 2]!);
      return { bits, timestampMs: BigInt(columns.timestampsMs[at]!) };
    }),
  }));
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0]!;
}

function countsOf(message: Uint8Array): Record<string, number> {
  const columns = new WriteRequestColumns();
  decodeWriteRequest(message.slice(), columns);
  const { seriesCount, sampleCount, exemplars, histograms, metadata } = columns;
  return { seriesCount, sampleCount, exemplarCount: exemplars.count, histogramCount: histograms.count, metadataCount: metadata.count };
}

const UP = [label('__name__', 'up'), label('job', 'a')];
const UP_LABELS = ['__name__', 'up', 'job', 'a'];

function randomRequest(random: SeededRandom): WriteRequestSeries[] {
  const texts = ['', 'a', 'job', 'é', '😀', '\0', 'x'.repeat(127), 'y'.repeat(128), 'z'.repeat(20_000)];
  return Array.from({ length: random.below(6) }, () => {
    const length = random.below(5);
    return {
      labels: Array.from({ length: random.below(5) * 2 }, () => random.pick(texts)),
      timestampsMs: Array.from({ length }, () => random.pick([0, -1, 1, 1.7e12, -1.7e12, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])),
      values: Float64Array.from({ length }, () => random.pick([0, -0, 1, -1.5, Infinity, 5e-324, Number.MAX_VALUE])),
    };
  });
}

describe('what is encoded comes back', () => {
  test('random requests, also through the reference decoder', () => {
    const random = new SeededRandom(1);
    for (let i = 0; i < 300; i++) {
      const wanted = randomRequest(random);
      const message = encodeWriteRequest(wanted);
      const got = decode(message);
      expect(got).toEqual(referenceDecode(message));
      expect(got).toEqual(
        wanted.map(({ labels, timestampsMs, values }) => ({
          labels,
          samples: Array.from(values, (value, j) => ({ bits: bitsOf(value), timestampMs: BigInt(timestampsMs[j]!) })),
        })),
      );
    }
  });

  test('an empty request, an empty series, a series without samples', () => {
    expect(decode(request())).toEqual([]);
    expect(decode(request(series()))).toEqual([{ labels: [], samples: [] }]);
    expect(decode(request(series(...UP)))).toEqual([{ labels: UP_LABELS, samples: [] }]);
  });

  test('columns grow past their first size, and the next request forgets them', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({ labels: ['__name__', `m${i}`], timestampsMs: [i, i + 1], values: [i, -i] }));
    const message = encodeWriteRequest(many);
    const columns = new WriteRequestColumns();
    decodeWriteRequest(message, columns);
    expect(contentOf(message, columns)).toEqual(referenceDecode(message));
    const small = request(series(...UP, sample(1, 2)), bytesField(3, 'm'));
    decodeWriteRequest(small, columns);
    expect(contentOf(small, columns)).toEqual(referenceDecode(small));
    expect(columns.metadata.count).toBe(1);
  });

  test('the bits of a stale marker and of other NaNs', () => {
    const values = new Float64Array(new BigUint64Array([STALE_BITS, 0x7ff8000000000001n, 0xfff8000000000000n]).buffer);
    const [decoded] = decode(encodeWriteRequest([{ labels: UP_LABELS, timestampsMs: [1, 2, 3], values }]));
    expect(decoded!.samples.map(({ bits }) => bits)).toEqual([STALE_BITS, 0x7ff8000000000001n, 0xfff8000000000000n]);
  });
});

describe('legal protobuf that few senders write', () => {
  function same(name: string, message: Uint8Array): void {
    test(name, () => expect(decode(message)).toEqual(referenceDecode(message)));
  }
  same('labels behind the samples', request(series(label('a', '1'), sample(1, 2), label('b', '2'), sample(3, 4), label('c', '3'))));
  same('labels only behind the samples', request(series(sample(1, 2), label('b', '2'), label('a', 'x'.repeat(300)))));
  same('labels between unknown fields', request(series(bytesField(9, 'x'), label('a', '1'), varintField(10, 7), label('b', '2'))));
  same('unknown fields of every wire type, everywhere', request(
    bytesField(100, 'x'),
    varintField(2, 5),
    fixed32Field(17, 1),
    doubleField(18, 1),
    series(...UP, varintField(15, -1), fixed32Field(16, 9), bytesField(2, [...fixed32Field(3, 7), ...doubleField(1, 5), ...bytesField(9, 'y'), ...varintField(2, 6)])),
  ));
  same('tags and lengths in more bytes than needed', request(
    [...varint(10, 3), ...varint(6, 4), ...label('', '')],
    series([...varint(10, 2), ...varint(6, 3), ...bytesField(1, 'a'), ...bytesField(2, 'b')], sample(1, 2)),
    series(sample(1, 2), [...varint(10, 2), ...varint(6, 2), ...bytesField(1, 'a'), ...bytesField(2, 'b')], sample(3, 4)),
  ));
  same('fields that come twice: the last one counts', request(
    series(bytesField(1, [...bytesField(1, 'x'), ...bytesField(2, 'y'), ...bytesField(1, 'a'), ...bytesField(2, 'b')])),
    series(...UP, bytesField(2, [...doubleField(1, 1), ...varintField(2, 1), ...varintField(2, 2), ...doubleField(1, 3)])),
  ));
  same('zeros left out', request(series(...UP, bytesField(2, []), bytesField(2, doubleField(1, 4)), bytesField(2, varintField(2, 4)), bytesField(1, []))));
  same('negative timestamps in ten bytes', request(series(...UP, sample(1, -1), sample(2, Number.MIN_SAFE_INTEGER))));

  test('histograms, exemplars and metadata are found and left for later', () => {
    const message = request(series(...UP, bytesField(3, 'exemplar'), bytesField(4, 'h'), bytesField(4, 'h'), sample(1, 2)), bytesField(3, 'metadata'), bytesField(3, ''));
    expect(countsOf(message)).toEqual({ seriesCount: 1, sampleCount: 1, exemplarCount: 1, histogramCount: 2, metadataCount: 2 });
  });
});

describe('refused', () => {
  function refused(name: string, message: Uint8Array, reason: string | RegExp = /./): void {
    test(name, () => {
      const act = (): unknown => decode(message);
      expect(act).toThrow(DecodeError);
      expect(act).toThrow(reason);
    });
  }
  refused('a varint of eleven bytes', request(series(...UP, bytesField(2, [...tag(2, 0), ...varint(1, 11)]))), 'above 64 bits');
  refused('an unknown varint of eleven bytes', request(varintField(20, 0).concat(tag(20, 0), varint(0, 11))), 'above 64 bits');
  refused('a length of 2^32', request([10, ...varint(2n ** 32n)]), 'above 32 bits');
  refused('a length of 2^32 - 1', request([10, ...varint(2n ** 32n - 1n)]), 'beyond its end');
  refused('a length of six bytes', request([10, ...varint(1, 6), 0]), 'above 32 bits');
  refused('a group at the top', request(tag(7, 3), tag(7, 4)), 'wire type 3');
  refused('a group in a series', request(series(...UP, tag(7, 3), tag(7, 4))), 'wire type 3');
  refused('the end of a group', request(tag(7, 4)), 'wire type 4');
  refused('wire types 6 and 7', request(tag(7, 6)), 'wire type 6');
  refused('field number 0', request(varintField(0, 1)), 'field number 0');
  refused('a label longer than its series', request(bytesField(1, [10, 5, 10, 1]), label('a', 'b')), 'beyond its end');
  refused('a sample longer than its series', request(bytesField(1, [18, 20, 9]), Array.from({ length: 30 }, () => 0)), 'beyond its end');
  refused('a value longer than its sample', request(series(...UP, bytesField(2, [9, 0, 0, 0]))), 'beyond its end');
  refused('a fixed-width field longer than its series', request(series([...tag(9, 1), 1, 2, 3])), 'beyond its end');
  refused('a label whose name reaches out of it', request(series(bytesField(1, [10, 9, 97]), sample(1, 2))));
  refused('invalid UTF-8', request(series(bytesField(1, [...bytesField(1, [0xff]), ...bytesField(2, 'b')]))), 'invalid UTF-8');
  refused('UTF-8 of a surrogate', request(series(bytesField(1, [...bytesField(1, [0xed, 0xa0, 0x80])]))), 'invalid UTF-8');
  refused('series that are not messages', request(varintField(1, 5)), 'wire type');
  refused('labels that are not messages', request(series(varintField(1, 5))), 'wire type');
  refused('samples that are not messages', request(series(...UP, doubleField(2, 5))), 'wire type');
  refused('a value that is no double', request(series(...UP, bytesField(2, varintField(1, 5)))), 'wire type');
  refused('a value packed as if it were repeated', request(series(...UP, bytesField(2, bytesField(1, doubleField(1, 5))))), 'wire type');
  refused('a timestamp that is no varint', request(series(...UP, bytesField(2, doubleField(2, 5)))), 'wire type');

  test('a request cut off at any byte inside a field', () => {
    const whole = request(series(...UP, sample(1.5, 1.7e12), label('x', 'y')), bytesField(3, 'meta'), series(...UP, sample(2, -5)));
    const boundaries = new Set([0, series(...UP, sample(1.5, 1.7e12), label('x', 'y')).length]);
    boundaries.add([...boundaries].at(-1)! + bytesField(3, 'meta').length).add(whole.length);
    for (let length = 0; length <= whole.length; length++) {
      const act = (): unknown => decode(whole.subarray(0, length));
      if (boundaries.has(length)) expect(act, `${length} bytes`).not.toThrow();
      else expect(act, `${length} bytes`).toThrow(DecodeError);
    }
  });
});

test('labels behind a long field cost one walk, however many they are', () => {
  const [exemplarBytes, labelCount] = [1_000_000, 500_000];
  const fields = new Uint8Array(5 + exemplarBytes + labelCount * 2);
  fields.set([...tag(3, 2), ...varint(exemplarBytes, 4)]);
  for (let at = 5 + exemplarBytes; at < fields.length; at += 2) fields[at] = 0x0a;
  const message = Uint8Array.from([0x0a, ...varint(fields.length), ...fields]);
  const columns = new WriteRequestColumns();
  decodeWriteRequest(message, columns);
  expect([columns.seriesCount, columns.exemplars.count, columns.labelsEnd[0]! - columns.labelsStart[0]!]).toEqual([1, 1, labelCount * 2]);
  expect(columns.exemplars.end[0]! - columns.exemplars.start[0]!).toBe(exemplarBytes);
});

test('two-byte series and samples do not cost the memory: more entries than allowed are refused', () => {
  const count = 100_000;
  const emptySeries = Uint8Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 10 : 0));
  const emptySamples = request(bytesField(1, Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 18 : 0))));
  const columns = new WriteRequestColumns(8192);
  expect(() => decodeWriteRequest(emptySeries, columns)).toThrow('more than 8192 series in one request, the limit writeEntriesMax;');
  expect(() => decodeWriteRequest(emptySamples, columns)).toThrow('more than 8192 samples in one request');
  expect(columns.labelsStart.length + columns.timestampsMs.length).toBe(2 * 8192);
  decodeWriteRequest(emptySeries.subarray(0, 2 * 8192), columns);
  expect(columns.seriesCount).toBe(8192);
  expect(() => decodeWriteRequest(emptySamples, new WriteRequestColumns())).not.toThrow();
});

test('columns that much metadata alone has made large are not to be kept', () => {
  const columns = new WriteRequestColumns();
  for (let i = 0; i < 65_536; i++) columns.addMetadata(0, 0);
  expect(columns.isLarge).toBe(false);
  columns.addMetadata(0, 0);
  expect(columns.isLarge).toBe(true);
});
