import { describe, expect, test } from 'vitest';
import { InfluxLine } from '../../proto/influx-line.ts';

const utf8 = new TextEncoder();

interface Point {
  readonly head: string[];
  readonly fields: Record<string, number>;
  readonly timestampMs?: number;
  readonly texts?: number;
}

function parse(text: string, precision = 'ns'): Point | string {
  const line = new InfluxLine(precision);
  const bytes = utf8.encode(text);
  const result = line.parse(bytes, 0, bytes.length);
  if (result === 'blank') return 'blank';
  if (result === 'open') return 'open';
  if (result !== 'point') return result.invalid;
  const head = line.head(bytes);
  if ('invalid' in head) return head.invalid;
  const fields = Object.fromEntries(Array.from({ length: line.fieldCount }, (_, field) => [line.fieldName(bytes, field) as string, line.fieldValue[field]!]));
  return {
    head,
    fields,
    ...(Number.isNaN(line.timestampMs) ? {} : { timestampMs: line.timestampMs }),
    ...(line.textFieldCount === 0 ? {} : { texts: line.textFieldCount }),
  };
}

describe('points', () => {
  function point(text: string, want: Point): void {
    test(text, () => expect(parse(text)).toEqual(want));
  }
  point('cpu usage=1.5', { head: ['cpu'], fields: { usage: 1.5 } });
  point('cpu,host=a,dc=b usage=1.5,idle=3i 1700000000123456789', { head: ['cpu', 'host', 'a', 'dc', 'b'], fields: { usage: 1.5, idle: 3 }, timestampMs: 1_700_000_000_123 });
  point('m a=-1i,b=18446744073709551615u,c=9007199254740993i', { head: ['m'], fields: { a: -1, b: 18446744073709551616, c: 9007199254740992 } });
  point('m a=9223372036854775807i,b=-9223372036854775808i', { head: ['m'], fields: { a: 2 ** 63, b: -(2 ** 63) } });
  point('m a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE', { head: ['m'], fields: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 0, g: 0, h: 0, i: 0, j: 0 } });
  point('m a="x",b=1,c="q\\"q, r=2 s",d=2', { head: ['m'], fields: { b: 1, d: 2 }, texts: 2 });
  point('m a="only"', { head: ['m'], fields: {}, texts: 1 });
  point('my\\ meas\\,ure,t\\=ag\\ x=v\\,al\\ ue f\\=ield=1', { head: ['my meas,ure', 't=ag x', 'v,al ue'], fields: { 'f=ield': 1 } });
  point('m,p=C:\\temp,q=a\\\\b f=1', { head: ['m', 'p', 'C:\\temp', 'q', 'a\\\\b'], fields: { f: 1 } });
  point('m,t="quoted" f=1', { head: ['m', 't', '"quoted"'], fields: { f: 1 } });
  point('m,t= f=1', { head: ['m', 't', ''], fields: { f: 1 } });
  point('m=x f=1', { head: ['m=x'], fields: { f: 1 } });
  point('wetter,ort=Köln temperatur=1e1 ', { head: ['wetter', 'ort', 'Köln'], fields: { temperatur: 10 } });
  point('m   f=1   5000000 \r', { head: ['m'], fields: { f: 1 }, timestampMs: 5 });
  point('m f=1 -1', { head: ['m'], fields: { f: 1 }, timestampMs: -1 });
  point('m f=1 -1000000', { head: ['m'], fields: { f: 1 }, timestampMs: -1 });
  point('m f=1 0', { head: ['m'], fields: { f: 1 }, timestampMs: 0 });
});

describe('nothing', () => {
  test.each(['', '  ', '\r', '# a comment', ' # another'])('%j', (text) => expect(parse(text)).toBe('blank'));
});

describe('the unit of timestamps', () => {
  function unit(precision: string, timestamp: string, wantMs: number): void {
    test(`${timestamp} ${precision}`, () => expect(parse(`m f=1 ${timestamp}`, precision)).toMatchObject({ timestampMs: wantMs }));
  }
  unit('ns', '1700000000999999999', 1_700_000_000_999);
  unit('n', '1700000000999999999', 1_700_000_000_999);
  unit('us', '1700000000123456', 1_700_000_000_123);
  unit('u', '1700000000123456', 1_700_000_000_123);
  unit('ms', '1700000000123', 1_700_000_000_123);
  unit('s', '1700000000', 1_700_000_000_000);
  unit('m', '28333333', 1_699_999_980_000);
  unit('h', '472222', 1_699_999_200_000);
});

describe('refused', () => {
  function refused(text: string, reason: string): void {
    test(text, () => expect(parse(text)).toContain(reason));
  }
  refused('cpu', 'there are no fields');
  refused('cpu,host=a', 'there are no fields');
  refused('cpu usage', 'no name or no value');
  refused('cpu =1', 'no name or no value');
  refused('cpu usage=', 'neither a number');
  refused('cpu usage=abc', 'neither a number');
  refused('cpu usage=NaN', 'neither a number');
  refused('cpu usage=inf', 'neither a number');
  refused('cpu usage=1e999', 'neither a number');
  refused('cpu usage=-1e999', 'neither a number');
  refused(`cpu usage=${'9'.repeat(310)}`, 'neither a number');
  refused('cpu usage=9300000000000000000i', 'neither a number');
  refused('cpu usage=-9300000000000000000i', 'neither a number');
  refused('cpu usage=18500000000000000000u', 'neither a number');
  refused(`cpu usage=${'9'.repeat(310)}i`, 'neither a number');
  refused('cpu usage=1.5i', 'neither a number');
  refused('cpu usage=-1u', 'neither a number');
  refused('cpu usage=i', 'neither a number');
  refused('cpu usage=tRUE', 'neither a number');
  refused('cpu usage="open', 'open');
  refused('cpu usage="a"b', 'no comma');
  refused('cpu a=1,', 'no name or no value');
  refused('cpu a=1,,b=2', 'no name or no value');
  refused('cpu a=1 x', 'the timestamp is not a whole number');
  refused('cpu a=1 1.5', 'the timestamp is not a whole number');
  refused('cpu a=1 1 2', 'the timestamp is not a whole number');
  refused('cpu a=1 99999999999999999999999999', 'the timestamp is beyond');
  refused('cpu,host a=1', 'a tag has no name or no value');
  refused('cpu,=x a=1', 'a tag has no name or no value');
  refused('cpu, a=1', 'a tag has no name or no value');
});
