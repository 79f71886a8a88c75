import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { JsonToProtobuf } from '../../proto/otlp-json.ts';
import { float64Bits } from '../../storage/model/sample.ts';
import { exponentialHistogram, exponentialPoint, exemplar, gauge, histogram, histogramPoint, metricsRequest, numberPoint, resourceMetrics, sum, summary, summaryPoint } from './otlp-fields.ts';
import { bytesField, tag } from './protobuf-fields.ts';
import { referenceOtlp, type ReferenceMessage } from './reference-otlp.ts';

const converter = new JsonToProtobuf({ bytesMax: 100_000, depthMax: 16 });

function convert(json: string | Uint8Array): Uint8Array {
  return converter.metricsRequest(typeof json === 'string' ? new TextEncoder().encode(json) : json).slice();
}

/** A request whose one number point, resource attribute or metric is given in JSON. */
function withPoint(json: string): string {
  return `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[${json}]}}]}]}]}`;
}

function withMetric(json: string): string {
  return `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[${json}]}]}]}`;
}

function withValue(json: string): string {
  return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"k","value":${json}}]}}]}`;
}

/** The one metric of a message, in the reference's form. */
function metricOf(message: Uint8Array): ReferenceMessage {
  const first = (parent: ReferenceMessage, name: string): ReferenceMessage => parent[name]![0] as ReferenceMessage;
  return first(first(first(referenceOtlp(message), 'resourceMetrics'), 'scopeMetrics'), 'metrics');
}

const AT = { timeMs: 1_700_000_000_000 };

test('a request in JSON is the request in protobuf', () => {
  const json = {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 's "q" \n é 😀' } }, { key: 'n', value: { intValue: '-5' } }, { key: 'b', value: { boolValue: true } }, { key: 'd', value: { doubleValue: 0.5 } }, { key: 'l', value: { arrayValue: { values: [{ stringValue: 'x' }] } } }, { key: 'm', value: { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'v' } }] } } }, { key: 'y', value: { bytesValue: 'AQL/' } }] },
        scopeMetrics: [
          {
            scope: { name: 'lib', version: '1', attributes: [] },
            metrics: [
              { name: 'g', description: 'D', unit: 's', gauge: { dataPoints: [{ startTimeUnixNano: '1600000000000000000', timeUnixNano: '1700000000000000000', asDouble: 1.5, attributes: [{ key: 'k', value: { stringValue: 'v' } }] }] } },
              { name: 's', description: '', unit: '', sum: { dataPoints: [{ timeUnixNano: '1700000000000000000', asInt: '-3', exemplars: [{ asDouble: 1, spanId: '0102030405060708', traceId: '0102030405060708090A0B0C0D0E0F10' }] }], aggregationTemporality: 2, isMonotonic: true } },
              { name: 'h', description: '', unit: '', histogram: { dataPoints: [{ timeUnixNano: '1700000000000000000', count: 6, sum: 2, bucketCounts: ['1', 2, 3], explicitBounds: [1, '2'] }], aggregationTemporality: 1 } },
              { name: 'e', description: '', unit: '', exponentialHistogram: { dataPoints: [{ timeUnixNano: '1700000000000000000', count: '9', scale: -2, zeroCount: '1', positive: { offset: -3, bucketCounts: ['1', '300'] }, negative: { offset: 2, bucketCounts: [7] } }], aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' } },
              { name: 'q', description: '', unit: '', summary: { dataPoints: [{ timeUnixNano: 1700000000000000000, count: '3', sum: 4.5, quantileValues: [{ quantile: 0.5, value: 2 }] }] } },
            ],
            schemaUrl: '',
          },
        ],
      },
    ],
  };
  const ids = { spanId: '0102030405060708', traceId: '0102030405060708090a0b0c0d0e0f10' };
  const wanted = metricsRequest(
    resourceMetrics(
      { 'service.name': 's "q" \n é 😀', n: -5n, b: true, d: 0.5, l: ['x'], m: { k: 'v' }, y: Uint8Array.from([1, 2, 255]) },
      [
        gauge('g', [numberPoint({ ...AT, startMs: 1_600_000_000_000, value: 1.5, attributes: { k: 'v' } })], { description: 'D', unit: 's' }),
        sum('s', [numberPoint({ ...AT, value: -3n, exemplars: [exemplar({ value: 1, ...ids })] })]),
        histogram('h', [histogramPoint({ ...AT, count: 6, sum: 2, counts: [1, 2, 3], bounds: [1, 2] })], { temporality: 1 }),
        exponentialHistogram('e', [exponentialPoint({ ...AT, count: 9, scale: -2, zeroCount: 1, positive: { offset: -3, counts: [1, 300] }, negative: { offset: 2, counts: [7] } })]),
        summary('q', [summaryPoint({ ...AT, count: 3, sum: 4.5, quantiles: [[0.5, 2]] })]),
      ],
      { name: 'lib', version: '1' },
    ),
  );
  expect(referenceOtlp(convert(JSON.stringify(json)))).toEqual(referenceOtlp(wanted));
  // Layout means nothing.
  expect(convert(JSON.stringify(json, undefined, 3))).toEqual(convert(JSON.stringify(json)));
});

/** Prometheus' own. `proto` and the model have its words each, since neither knows the other. */
const NORMAL_NAN = 0x7ff8000000000001n;

test('a NaN that is written in digits is the same to `proto` and to the model', () => {
  const [low = 0, high = 0] = float64Bits(NaN);
  expect((BigInt(high) << 32n) | BigInt(low)).toBe(NORMAL_NAN);
});

describe('values', () => {
  function f(field: string, json: string, wanted: bigint): void {
    test(`${field} ${json}`, () => {
      const point = (metricOf(convert(withPoint(`{"${field}":${json}}`)))['gauge']![0] as ReferenceMessage)['dataPoints']![0] as ReferenceMessage;
      expect(Object.values(point)).toEqual([[wanted]]);
    });
  }
  const bits = (value: number): bigint => new BigUint64Array(Float64Array.of(value).buffer)[0]!;
  f('asDouble', '1.5', bits(1.5));
  f('asDouble', '"1.5"', bits(1.5));
  f('asDouble', '-0', bits(-0));
  // As Go reads it, and so Prometheus.
  f('asDouble', '"NaN"', NORMAL_NAN);
  f('asDouble', '"Infinity"', bits(Infinity));
  f('asDouble', '"-Infinity"', bits(-Infinity));
  f('asDouble', '1e-400', bits(0));
  f('asDouble', '1.7976931348623157E+308', bits(Number.MAX_VALUE));
  f('as_double', '2', bits(2));
  f('\\u0061sDouble', '2', bits(2));
  f('asInt', '"9223372036854775807"', 2n ** 63n - 1n);
  f('asInt', '9223372036854775807', 2n ** 63n - 1n);
  f('asInt', '"-9223372036854775808"', 2n ** 63n);
  f('asInt', '1e3', 1000n);
  f('asInt', '-92233720368547758.08E2', 2n ** 63n);
  f('asInt', '-123456789012345', 2n ** 64n - 123_456_789_012_345n);
  f('asInt', '"-1"', 2n ** 64n - 1n);
  f('asInt', '"-0"', 0n);
  f('asInt', '2.0', 2n);
  f('timeUnixNano', '1700000000123456789', 1_700_000_000_123_456_789n);
  f('timeUnixNano', '"18446744073709551615"', 2n ** 64n - 1n);
  f('timeUnixNano', '"9999999999999999999"', 9_999_999_999_999_999_999n);
  f('timeUnixNano', '1.7957373841234568e+18', 1_795_737_384_123_456_800n);
  f('timeUnixNano', '"0"', 0n);
  f('timeUnixNano', '1.7e15', 1_700_000_000_000_000n);
  f('flags', '1', 1n);
});

describe('skipped', () => {
  function f(json: string): void {
    test(json.slice(0, 60), () => expect(convert(withPoint(json))).toEqual(convert(withPoint('{}'))));
  }
  f('{"attributes":null,"asDouble":null,"exemplars":null}');
  f('{"unknown":{"a":[1,2,{"b":null}],"c":"\\"}]"}}');
  f('{"unknown":[[],{},[{}],"x",-1.5e+3,true,false,null]}');
  f('{"__proto__":{"asDouble":1},"constructor":[]}');
  f('{"ASDOUBLE":1}');
});

describe('refused, plainly', () => {
  function f(json: string, reason: RegExp): void {
    test(json.slice(0, 70), () => {
      expect(() => convert(json)).toThrow(reason);
      expect(() => convert(json)).toThrow(DecodeError);
    });
  }
  f('', /want \{ at byte 0/);
  f('[]', /want \{/);
  f('{"resourceMetrics":[]} x', /something behind the value/);
  f('{"resourceMetrics":[],}', /a comma with nothing behind it/);
  f('{"resourceMetrics":{}}', /want an array for resourceMetrics/);
  f('{"resourceMetrics":[null]}', /want \{/);
  f('{"resourceMetrics":[{}', /want "," or "]"/);
  f('{"resourceMetrics"', /want :/);
  f('{"x":tru}', /no JSON value/);
  f('{"x":01}', /leading zero/);
  f('{"x":+1}', /no JSON value/);
  f('{"x":1.}', /no JSON value/);
  f('{"x":"\n"}', /control character/);
  f('{"x":"a', /string without end/);
  f('{"x":[1}', /want "," or "]"/);
  f(`{"x":${'['.repeat(17)}${']'.repeat(17)}}`, /nests deeper than the limit of 16/);
  f(`{"x":${'{"a":'.repeat(100_000)}`, /nests deeper than the limit of 16/);
  f(withPoint('{"asDouble":1e400}'), /want a double for asDouble/);
  f(withPoint('{"asDouble":"1e400"}'), /want a double for asDouble/);
  f(withPoint('{"asDouble":"nan"}'), /want a double for asDouble/);
  f(withPoint('{"asDouble":" 1"}'), /want a double/);
  f(withPoint('{"asDouble":{}}'), /no JSON value/);
  f(withPoint('{"asInt":9223372036854775808}'), /want an integer from -9223372036854775808 to 9223372036854775807 for asInt/);
  f(withPoint('{"asInt":1.5}'), /want an integer/);
  f(withPoint('{"asInt":9.3e18}'), /want an integer/);
  f(withPoint('{"asInt":9.123456789012345678e17}'), /want an integer/);
  f(withPoint('{"asInt":"0x10"}'), /want an integer/);
  f(withPoint(`{"asInt":"${'1'.repeat(1000)}"}`), /want an integer/);
  f(withPoint('{"timeUnixNano":-1}'), /want an integer from 0/);
  f(withPoint('{"timeUnixNano":"18446744073709551616"}'), /want an integer from 0/);
  f(withPoint('{"flags":4294967296}'), /want an integer from 0 to 4294967295 for flags/);
  f(withPoint(`{"asDouble":${'1'.repeat(1000)}}`), /a number of more than 400 digits/);
  f(withPoint('{"exemplars":[{"traceId":"0g"}]}'), /want hexadecimal digits for traceId/);
  f(withMetric('{"sum":{"aggregationTemporality":"DELTA"}}'), /want an integer/);
  f(withMetric('{"sum":{"isMonotonic":1}}'), /no JSON value/);
  f(withMetric('{"name":1}'), /want a string for name/);
  f(withMetric('{"name":"\\x"}'), /the escape \\x/);
  f(withMetric('{"name":"\\ud83d"}'), /half of a surrogate pair/);
  f(withMetric('{"name":"\\u12"}'), /the escape \\u/);
  f(withValue('{"bytesValue":"A"}'), /want base64/);
  f(withValue('{"arrayValue":{"values":['.repeat(100_000)), /an attribute that nests deeper than the limit of 16/);
  f(withValue(`{"stringValue":"${'x'.repeat(100_001)}"}`), /more than 100000 bytes/);
});

test('what is written is bounded, whatever the JSON asks for', () => {
  const many = withMetric(`{"histogram":{"dataPoints":[{"bucketCounts":[${'0,'.repeat(20_000)}0]}]}}`);
  expect(() => convert(many)).toThrow(/more than 100000 bytes/);
  // And what comes afterwards is well.
  expect(convert('{}')).toEqual(new Uint8Array(0));
});

test('lengths of all sizes', () => {
  for (const length of [0, 1, 126, 127, 128, 129, 16_383, 16_384, 16_385, 90_000]) {
    const text = 'x'.repeat(length);
    const wanted = metricsRequest(bytesField(1, bytesField(2, bytesField(2, bytesField(1, text)))));
    expect(convert(withMetric(`{"name":"${text}"}`))).toEqual(wanted);
  }
  expect(tag(1, 2)).toEqual([10]);
});
