import { test } from 'vitest';
import { JsonToProtobuf } from '../../proto/otlp-json.ts';
import { fuzzFormat, fuzzRounds, textMutations } from './fuzz-bytes.ts';
import { referenceOtlp } from './reference-otlp.ts';
import { visited } from './visited-metrics.ts';

const point = { timeUnixNano: '1700000000000000000', startTimeUnixNano: 1, attributes: [{ key: 'k\n', value: { stringValue: 'é' } }, { key: 'l', value: { arrayValue: { values: [{ intValue: '1' }, { doubleValue: 'NaN' }] } } }] };
const exemplars = [{ asInt: '1', traceId: '01'.repeat(16), spanId: '02'.repeat(8) }];
const metrics = [
  { name: 'g', gauge: { dataPoints: [{ ...point, asDouble: -1.5e3, exemplars, flags: 1 }] } },
  { name: 's', unit: 'By', sum: { dataPoints: [{ ...point, asInt: '-3' }], aggregationTemporality: 2, isMonotonic: true } },
  { name: 'h', histogram: { dataPoints: [{ ...point, count: '3', sum: 1, bucketCounts: ['1', 2], explicitBounds: [1] }], aggregationTemporality: 1 } },
  { name: 'e', exponentialHistogram: { dataPoints: [{ ...point, count: '3', scale: -1, positive: { offset: -3, bucketCounts: [1, '2'] } }], aggregationTemporality: 2 } },
  { name: 'q', summary: { dataPoints: [{ ...point, count: '3', quantileValues: [{ quantile: 0.5, value: 1 }] }] } },
];
const ORIGINALS = metrics.map((metric) => new TextEncoder().encode(JSON.stringify({ resourceMetrics: [{ resource: { attributes: point.attributes }, scopeMetrics: [{ scope: { name: 'x' }, metrics: [metric], unknown: [null, true, { a: [] }] }] }] })));

/** JSON's own, numbers at the ends of their ranges, and fields of other messages. */
const TOKENS = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', 'null', 'true', 'false', ' ', '[[', '{"a":', '{}', '[]', '""', '\\u0000', '\\ud83d', '\\ud83d\\ude00', '\u0001', '\ufeff'],
  ...['0', '-0', '1e400', '-1e-400', '1e5', '0.5', '9007199254740993', '18446744073709551615', '"18446744073709551616"', '"-9223372036854775808"', '"NaN"', '"Infinity"', '4294967295', '-2147483649'],
  ...['"resourceMetrics":', '"resource_metrics":', '"gauge":', '"sum":', '"asInt":', '"asDouble":', '"kvlistValue":', '"arrayValue":', '"bytesValue":', '"traceId":', '"unknown":', '"bucketCounts":'],
];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parses(json: Uint8Array): boolean {
  try {
    JSON.parse(utf8.decode(json));
    return true;
  } catch (error) {
    // Text that is not UTF-8 is refused later, where it is read: only of the rest can JSON.parse say anything.
    return !(error instanceof SyntaxError);
  }
}

test('damaged JSON is refused, or is JSON and becomes a sound message', { timeout: 3_600_000 }, async () => {
  const converter = new JsonToProtobuf({ bytesMax: 1 << 20, depthMax: 16 });
  const decode = (json: Uint8Array): void => {
    const message = converter.metricsRequest(json);
    if (!parses(json)) throw new Error('taken, though JSON.parse refuses it');
    // Sound: the reference reads all of it, and the walker as far as it looks.
    referenceOtlp(message);
    visited(message.slice(), false);
  };
  await fuzzFormat('OTLP JSON', fuzzRounds(20_000), textMutations(ORIGINALS, TOKENS), decode, () => ORIGINALS.forEach((json) => decode(json.slice())));
});
