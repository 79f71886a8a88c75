import { describe, expect, test } from 'vitest';
import { labelName, metricName, NAMING, unitName, type NamedKind } from '../../../ingest/otlp/otlp-names.ts';
import type { OtlpTranslation } from '../../../storage/runtime/otlp-options.ts';

describe('metric names, escaped and with suffixes', () => {
  function f(name: string, unit: string, kind: NamedKind, wanted: string | undefined, translation: OtlpTranslation = 'UnderscoreEscapingWithSuffixes'): void {
    test(`${name} ${unit} ${kind} ${translation}`, () => expect(metricName(name, unit, kind, NAMING[translation])).toBe(wanted));
  }
  f('http.server.duration', 's', 'other', 'http_server_duration_seconds');
  f('http.server.duration.seconds', 's', 'other', 'http_server_duration_seconds');
  f('seconds.of.work', 's', 'other', 'seconds_of_work');
  f('system.io', 'By', 'monotonic-sum', 'system_io_bytes_total');
  f('requests.total', '', 'monotonic-sum', 'requests_total');
  f('total.requests', '', 'monotonic-sum', 'requests_total');
  f('total.requests', '', 'gauge', 'total_requests');
  f('cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio');
  f('ratio.of.cpu', '1', 'gauge', 'of_cpu_ratio');
  f('count', '1', 'monotonic-sum', 'count_total');
  f('count', '1', 'other', 'count');
  f('speed', 'm/s', 'gauge', 'speed_meters_per_second');
  f('io', 'By/m', 'gauge', 'io_bytes_per_minute');
  f('growth', '%/y', 'gauge', 'growth_percent_per_year');
  f('rate', '/s', 'gauge', 'rate_per_second');
  f('rate', '{requests}/s', 'gauge', 'rate_per_second');
  f('queue', '{items}', 'gauge', 'queue');
  f('work', 's/{job}', 'gauge', 'work_seconds');
  f('speed.meters.per_second', 'm/s', 'gauge', 'speed_meters_per_second_per_second');
  f('odd', 'my unit!', 'gauge', 'odd_my_unit_');
  f('odd', '__x__/__y__', 'gauge', 'odd_x_per_y');
  f('odd', '/_', 'gauge', 'odd');
  f(' spaces  and--signs ', '', 'other', 'spaces_and_signs');
  f('__a__b', '', 'other', 'a_b');
  f('a:b.c', '', 'other', 'a:b_c');
  f('3rd', '', 'other', '_3rd');
  f('größe', 'KiBy', 'other', 'gr_e_kibibytes');
  f('度', 'd', 'other', 'days');
  f('度', '', 'other', undefined);
  f('', 's', 'other', undefined);
  f('___', '', 'other', undefined);
  for (const [unit, word] of Object.entries({ h: 'hours', min: 'minutes', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds', MiBy: 'mebibytes', GiBy: 'gibibytes', TiBy: 'tibibytes', KBy: 'kilobytes', MBy: 'megabytes', GBy: 'gigabytes', TBy: 'terabytes', V: 'volts', A: 'amperes', J: 'joules', W: 'watts', g: 'grams', Cel: 'celsius', Hz: 'hertz', '%': 'percent' })) {
    f('x', unit, 'other', `x_${word}`);
  }
  for (const [unit, word] of Object.entries({ s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year', fortnight: 'fortnight' })) f('x', `1/${unit}`, 'other', `x_per_${word}`);

  const bare = 'UnderscoreEscapingWithoutSuffixes';
  f('http.server--duration', 's', 'monotonic-sum', 'http_server_duration', bare);
  f('a__b_', '', 'other', 'a__b_', bare);
  f('.a.', '', 'other', 'a', bare);
  f('3rd', '', 'other', '_3rd', bare);
  f('___', '', 'other', '___', bare);
  f('._.', '', 'other', undefined, bare);

  const utf8 = 'NoUTF8EscapingWithSuffixes';
  f('http.server.duration', 's', 'other', 'http.server.duration_seconds', utf8);
  f('http.server.duration.seconds', 's', 'other', 'http.server.duration.seconds', utf8);
  f('requests.total', '', 'monotonic-sum', 'requests_total', utf8);
  f('größe', 'By/s', 'monotonic-sum', 'größe_bytes_per_second_total', utf8);
  f('cpu.ratio', '1', 'gauge', 'cpu_ratio', utf8);
  f('total', '', 'monotonic-sum', 'total_total', utf8);
  f('', '', 'other', undefined, utf8);
  f('größe.x', 's', 'monotonic-sum', 'größe.x', 'NoTranslation');
});

describe('label names', () => {
  function f(attribute: string, wanted: string | undefined, translation: OtlpTranslation = 'UnderscoreEscapingWithSuffixes'): void {
    test(`${attribute} ${translation}`, () => expect(labelName(attribute, NAMING[translation])).toBe(wanted));
  }
  f('http.method', 'http_method');
  f('a--b', 'a__b');
  f('a:b', 'a_b');
  f('1st', 'key_1st');
  f('_private', 'key_private');
  f('.private', 'key_private');
  f('__reserved__', '__reserved__');
  f('__x', '__x');
  f('größe', 'gr__e');
  f('😀a', 'key_a');
  f('___', undefined);
  f('__', undefined);
  f('...', undefined);
  f('', undefined);
  f('', undefined, 'NoTranslation');
  f('größe.x', 'größe.x', 'NoTranslation');
  f('_x', '_x', 'NoUTF8EscapingWithSuffixes');
});

describe('units of metadata', () => {
  function f(unit: string, wanted: string, translation: OtlpTranslation = 'UnderscoreEscapingWithSuffixes'): void {
    test(`${unit} ${translation}`, () => expect(unitName(unit, NAMING[translation])).toBe(wanted));
  }
  f('s', 'seconds');
  f('By/s', 'bytes_per_second');
  f('/s', 'per_second');
  f('1', '');
  f('{x}', '');
  f('my unit!', 'my_unit');
  f('my unit!', 'my unit!', 'NoTranslation');
});
