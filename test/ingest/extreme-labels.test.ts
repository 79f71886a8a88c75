import { describe, expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { bytesField } from '../proto/protobuf-fields.ts';
import { gauge, metricsRequest, numberPoint, resourceMetrics } from '../proto/otlp-fields.ts';
import { encodeReferenceV1 } from '../proto/reference-messages.ts';
import { NOW_MS, sampleOf, WriteApp, type Answer } from './write-app.ts';

/*
 * Labels that are none a sane sender sends, at each door: stored exactly, or refused in words. What a format means by them differs, and is said
 * in each row.
 */
type Pairs = readonly (readonly [name: string, value: string])[];

const utf8 = new TextEncoder();

function jsonRequest(pairs: Pairs): Uint8Array {
  const attributes = pairs.map(([key, stringValue]) => ({ key, value: { stringValue } }));
  return utf8.encode(JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ timeUnixNano: `${NOW_MS}000000`, asDouble: 1, attributes }] } }] }] }] }));
}

/** By hand, for an object has each key once. */
function protobufRequest(pairs: Pairs): Uint8Array {
  const attributes = pairs.flatMap(([key, value]) => bytesField(7, [...bytesField(1, key), ...bytesField(2, bytesField(1, value))]));
  return metricsRequest(resourceMetrics({}, [gauge('m', [[...numberPoint({ timeMs: NOW_MS, value: 1 }), ...attributes]])]));
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function escaped(text: string): string {
  return text.replace(/[,= ]/g, '\\$&');
}

const DOORS = {
  'remote write 1.0': (app: WriteApp, pairs: Pairs) => {
    const labels = [['__name__', 'm'], ...pairs].map(([name, value]) => ({ name: name!, value: value! }));
    return app.post(snappyEncode(encodeReferenceV1({ timeseries: [{ labels, samples: [{ value: 1, timestamp: NOW_MS }] }] })), { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' });
  },
  // Which wants them sorted.
  'remote write 2.0': (app: WriteApp, pairs: Pairs) => app.send(sampleOf([['__name__', 'm'], ...pairs].toSorted(([a], [b]) => (a! < b! ? -1 : 1)).flat(), 1)),
  'OTLP protobuf': (app: WriteApp, pairs: Pairs) => app.post(protobufRequest(pairs), { 'content-type': 'application/x-protobuf' }, '/v1/metrics'),
  'OTLP JSON': (app: WriteApp, pairs: Pairs) => app.post(jsonRequest(pairs), { 'content-type': 'application/json' }, '/v1/metrics'),
  'text format': (app: WriteApp, pairs: Pairs) => app.post(utf8.encode(`m{${pairs.map(([name, value]) => `${quoted(name)}=${quoted(value)}`).join()}} 1 ${NOW_MS}\n`), {}, '/api/v1/import/prometheus'),
  'Influx lines': (app: WriteApp, pairs: Pairs) => app.post(utf8.encode(`m${pairs.map(([name, value]) => `,${escaped(name)}=${escaped(value)}`).join('')} v=1 ${NOW_MS}000000\n`), {}, '/write'),
} satisfies Record<string, (app: WriteApp, pairs: Pairs) => Promise<Answer>>;

type Door = keyof typeof DOORS;
const EACH = Object.keys(DOORS) as Door[];
const OTLP = ['OTLP protobuf', 'OTLP JSON'] as const;
const UNTRANSLATED = { VARVE_OTLP_TRANSLATION: 'NoTranslation' };

/** What is stored beside the name: nothing where the request was refused. */
async function sent(door: Door, pairs: Pairs, variables: Record<string, string> = {}): Promise<{ readonly status: number; readonly text: string; readonly labels: readonly string[] }> {
  const app = new WriteApp(variables);
  const { status, text } = await DOORS[door](app, pairs);
  const stored = app.series();
  expect(stored).toHaveLength(status < 300 ? 1 : 0);
  const labels = stored.flatMap((series) => series.labels);
  const at = labels.indexOf('__name__');
  return { status, text, labels: [...labels.slice(0, at), ...labels.slice(at + 2)] };
}

async function refused(door: Door, pairs: Pairs, text: string, variables?: Record<string, string>): Promise<void> {
  expect(await sent(door, pairs, variables)).toEqual({ status: 400, text: expect.stringContaining(text) as unknown, labels: [] });
}

async function stored(door: Door, pairs: Pairs, labels: readonly string[], variables?: Record<string, string>): Promise<void> {
  const outcome = await sent(door, pairs, variables);
  expect([outcome.status < 300, outcome.labels], outcome.text).toEqual([true, labels]);
}

describe('a megabyte', () => {
  const long = 'x'.repeat(1_000_000);
  const reasonOf = (door: Door, limit: string): string => (door.startsWith('remote') ? limit : door.startsWith('OTLP') ? 'otlpAttributesBytesMax' : 'importLineBytesMax');
  test.each(EACH)('of a value: %s refuses it, and names the limit', (door) => refused(door, [['a', long]], reasonOf(door, 'labelValueBytesMax')));
  test.each(EACH)('of a name: %s refuses it, and names the limit', (door) => refused(door, [[long, 'a']], reasonOf(door, 'labelNameBytesMax')));
});

describe('as long as may be, and a byte more', () => {
  const longest = 'é'.repeat(LIMITS.labelValueBytesMax / 2);
  test.each(EACH)('of a value: %s', async (door) => {
    await stored(door, [['a', longest]], ['a', longest]);
    await refused(door, [['a', `${longest}x`]], 'labelValueBytesMax');
  });
  const name = 'n'.repeat(LIMITS.labelNameBytesMax);
  test.each(EACH)('of a name: %s', async (door) => {
    await stored(door, [[name, 'a']], [name, 'a']);
    await refused(door, [[`${name}n`, 'a']], 'labelNameBytesMax');
  });
});

describe('an empty value', () => {
  // To Prometheus it is the same as no label; 2.0 forbids it.
  test.each(EACH.filter((door) => door !== 'remote write 2.0'))('%s: as if the label were not there', (door) => stored(door, [['a', ''], ['b', '1']], ['b', '1']));
  test('remote write 2.0: refused', () => refused('remote write 2.0', [['a', ''], ['b', '1']], 'is empty'));
});

describe('a name that comes twice', () => {
  test.each(EACH.filter((door) => !door.startsWith('OTLP')))('%s: refused, whatever the values', async (door) => {
    await refused(door, [['a', '1'], ['a', '2']], 'is not unique');
    await refused(door, [['a', '1'], ['a', '1']], 'is not unique');
  });
  // As keys that become the same label when they are translated.
  test.each(OTLP)('%s: values are joined', (door) => stored(door, [['a', '1'], ['a', '2']], ['a', '1;2']));
});

describe('any Unicode', () => {
  const pairs: Pairs = [['\u0001', '\u0000'], ['a=b,c', 'd e'], ['é€ 😀', 'ü"💩'], ['\u202e', '\ufeff'], ['\ufdd0', '\u{10ffff}']];
  const labels = pairs.flat();
  test.each(EACH)('%s stores names and values as they are', (door) => stored(door, pairs, labels, UNTRANSLATED));
  test.each(OTLP)('%s, with names translated: refused where nothing is left of one, and values are as they are', async (door) => {
    await refused(door, [['é€ 😀', 'a']], 'has no character that a label name can have');
    await stored(door, [['é.a😀', 'ü"💩']], ['__a_', 'ü"💩']);
  });
  test.each(EACH)('an empty name: %s refuses it', (door) => refused(door, [['', 'a']], { 'Influx lines': 'has no name', 'OTLP protobuf': 'an attribute named', 'OTLP JSON': 'an attribute named' }[door as string] ?? 'name is empty'));
});
