import { test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { fuzzFormat, fuzzRounds } from './fuzz-bytes.ts';
import { protobufMutations } from './mutate-protobuf.ts';
import { exemplar, exponentialHistogram, exponentialPoint, gauge, histogram, histogramPoint, metricsRequest, numberPoint, resourceMetrics, sum, summary, summaryPoint } from './otlp-fields.ts';
import { isDamage, referenceOtlp } from './reference-otlp.ts';
import { referenceLines } from './reference-otlp-lines.ts';
import { visited } from './visited-metrics.ts';

const AT = { timeMs: 1_700_000_000_000, startMs: 1_600_000_000_000, attributes: { k: 'v', é: ['x', 1n] } };
const exemplars = [exemplar({ value: 1, timeMs: 5, traceId: '01'.repeat(16), spanId: '02'.repeat(8), attributes: { a: 'b' } })];
const ORIGINALS = [
  metricsRequest(resourceMetrics({ 'service.name': 's', n: 5n }, [gauge('g', [numberPoint({ ...AT, value: 1.5, exemplars }), numberPoint({ ...AT, value: -3n })], { unit: 's' }), sum('s', [numberPoint({ ...AT, flags: 1 })])], { name: 'lib', version: '1', attributes: { a: true } })),
  metricsRequest(resourceMetrics({}, [histogram('h', [histogramPoint({ ...AT, count: 6, sum: 2, counts: [1, 2, 3], bounds: [1, 2], exemplars })])]), resourceMetrics({}, [summary('q', [summaryPoint({ ...AT, count: 1, sum: 2, quantiles: [[0.5, 1]] })])])),
  metricsRequest(resourceMetrics({}, [exponentialHistogram('e', [exponentialPoint({ ...AT, count: 9, sum: 1, scale: 3, zeroCount: 1, positive: { offset: -3, counts: [1, 300] }, negative: { offset: 2, counts: [7] }, exemplars })])])),
];

/** What the reference makes of the message, `undefined` when it refuses it. */
function wantedOf(message: Uint8Array): string[] | undefined {
  try {
    return referenceLines(referenceOtlp(message));
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

test('a damaged request is walked as the reference has it, or refused', { timeout: 3_600_000 }, async () => {
  const decode = (bytes: Uint8Array): void => {
    const wanted = wantedOf(bytes);
    let got: string[];
    try {
      got = visited(bytes, false);
    } catch (error) {
      // What it refuses beyond the reference it says plainly; whatever is damage there must be damage here.
      if (!(error instanceof DecodeError) || wanted === undefined) throw error;
      if (!/a second (?:resource|scope|kind of data|message of buckets)/.test(error.message)) throw new Error(`refused what the reference takes: ${error.message}`, { cause: error });
      throw error;
    }
    // Strings are only read, and attribute values only looked into, when a series is new: the reference does so at once.
    if (wanted !== undefined && got.join('\n') !== wanted.join('\n')) throw new Error(`got\n${got.join('\n')}\nwant\n${wanted.join('\n')}`);
  };
  await fuzzFormat('OTLP protobuf', fuzzRounds(20_000), protobufMutations(ORIGINALS), decode, () => ORIGINALS.forEach((bytes) => decode(bytes.slice())));
});
