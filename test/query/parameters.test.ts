import { describe, expect, test } from 'vitest';
import { durationParameter, limitParameter, lookbackParameter, rangeParameters, readParameters, requiredDuration, requiredTime, selectorParameters, timeParameter } from '../../query/parameters.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { WaitingClock } from '../fakes/waiting-clock.ts';
import { byteStream } from '../fakes/byte-stream.ts';

const one = (name: string, value: string): URLSearchParams => new URLSearchParams([[name, value]]);

/** The error of `body`: kind and message. */
function errorOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof VarveError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('times', () => {
  const f = (text: string, timeMs: number): void => expect(requiredTime(one('t', text), 't'), text).toBe(timeMs);
  const bad = (text: string): void =>
    expect(errorOf(() => requiredTime(one('t', text), 't')), text).toBe(`bad-data: invalid parameter "t": cannot parse ${JSON.stringify(text)} to a valid timestamp`);

  test('float seconds, to the millisecond', () => {
    f('0', 0);
    f('123', 123_000);
    f('123.123', 123_123);
    f('123.1234', 123_123);
    f('+1.5', 1500);
    f('-1.5', -1500);
    f('.5', 500);
    f('5.', 5000);
    f('1.4357e9', 1_435_700_000_000);
    f('1543578564.705', 1_543_578_564_705);
    f('-0', -0);
    f('1_700_000_000.5', 1_700_000_000_500);
  });

  test('RFC 3339', () => {
    f('2015-06-03T13:21:58.555Z', 1_433_337_718_555);
    f('2015-06-03T14:21:58.555+01:00', 1_433_337_718_555);
    f('2015-06-03T13:21:58.555999999Z', 1_433_337_718_555);
    f('2015-06-03T13:21:58Z', 1_433_337_718_000);
    f('2016-02-29T00:00:00Z', 1_456_704_000_000);
    f('1969-12-31T23:59:59Z', -1000);
  });

  test('the ends of time, as clients send them', () => {
    f('-292273086-05-16T16:47:06Z', -8.64e15);
    f('292277025-08-18T07:12:54.999999999Z', 8.64e15);
  });

  test('anything else', () => {
    for (const text of ['', ' ', 'abc', '30s', 'NaN', 'Inf', '1e300', '0x10', '1__0', '_1', '1_', '1 2', '2015-06-03', '2015-06-03T13:21Z', '2015-06-03T13:21:58', '2015-06-03 13:21:58Z']) bad(text);
    for (const text of ['2015-02-29T00:00:00Z', '2015-02-30T00:00:00Z', '2015-13-01T00:00:00Z', '2015-01-01T24:00:00Z', '2015-01-01T00:60:00Z', '2015-01-01T00:00:00+99:00']) bad(text);
  });

  test('where it may be absent', () => {
    expect(timeParameter(new URLSearchParams(), 'time', 7)).toBe(7);
    expect(timeParameter(one('time', ''), 'time', 7)).toBe(7);
    expect(errorOf(() => timeParameter(one('time', 'x'), 'time', 7))).toBe(`bad-data: invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`);
  });
});

describe('durations', () => {
  const f = (text: string, durationMs: number): void => expect(requiredDuration(one('d', text), 'd'), text).toBe(durationMs);
  const bad = (text: string, more = ''): void =>
    expect(errorOf(() => requiredDuration(one('d', text), 'd')), text).toBe(`bad-data: invalid parameter "d": cannot parse ${JSON.stringify(text)} to a valid duration${more}`);

  test('float seconds and Prometheus’ text', () => {
    f('0', 0);
    f('1.5', 1500);
    f('-1', -1000);
    f('15s', 15_000);
    f('1h30m', 5_400_000);
    f('1y2w3d4h5m6s7ms', 31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_400_000 + 300_000 + 6000 + 7);
    f('0s', 0);
    f('1_0.5', 10_500);
  });

  test('anything else', () => {
    for (const text of ['', 'x', '1h1h', '1m1h', '-1s', '1.5h', ' 1s', '1 s', '1S', '293y', '1e400', '-NaN']) bad(text);
    for (const text of ['1e30', '-1e30', '9223372037', 'NaN', 'Inf', '-infinity']) bad(text, '. It overflows int64');
    f('292y', 292 * 365 * 86_400_000);
  });

  test('absent', () => {
    expect(durationParameter(new URLSearchParams(), 'timeout')).toBeUndefined();
    expect(durationParameter(one('timeout', '0'), 'timeout')).toBe(0);
  });

  test('look-back', () => {
    expect(lookbackParameter(new URLSearchParams())).toBeUndefined();
    expect(lookbackParameter(one('lookback_delta', '90s'))).toBe(90_000);
    for (const text of ['0', '-5', '0s']) expect(lookbackParameter(one('lookback_delta', text))).toBeUndefined();
    expect(errorOf(() => lookbackParameter(one('lookback_delta', 'x')))).toBe('bad-data: error parsing lookback delta duration: cannot parse "x" to a valid duration');
  });
});

test('limits', () => {
  const f = (text: string): number => limitParameter(one('limit', text));
  expect(['', '0', '7', '+7', '007'].map(f)).toEqual([0, 0, 7, 7, 7]);
  for (const text of ['x', '1.5', '1e3', ' 1', '99999999999999999999', '0x1']) expect(errorOf(() => f(text)), text).toMatch(/^bad-data: invalid parameter "limit": strconv\.Atoi: parsing /);
  expect(errorOf(() => f('-1'))).toBe('bad-data: invalid parameter "limit": limit must be non-negative');
});

test('a step below a millisecond is none', () => {
  const range = (step: string): unknown => rangeParameters(new URLSearchParams({ start: '0', end: '0', step }));
  expect(range('0.001')).toEqual({ startMs: 0, endMs: 0, stepMs: 1 });
  expect(range('1.0019')).toEqual({ startMs: 0, endMs: 0, stepMs: 1001 });
  expect(errorOf(() => range('0.0009'))).toMatch(/zero or negative query resolution step/);
});

test('selectors', () => {
  const f = (...texts: string[]): unknown => selectorParameters(new URLSearchParams(texts.map((text) => ['match[]', text])));
  expect(f()).toEqual([]);
  expect(f('up', '{a="b"}')).toEqual([[{ name: '__name__', type: '=', value: 'up' }], [{ name: 'a', type: '=', value: 'b' }]]);
  for (const text of ['{}', '{a=""}', '{a!="b"}', '{a=~""}', '{a=~"b*"}', '{a!~"b"}']) expect(errorOf(() => f(text)), text).toBe('bad-data: match[] must contain at least one non-empty matcher');
  for (const text of ['{a=~".+"}', '{a!=""}', '{a="",b="c"}']) expect(errorOf(() => f(text)), text).toBe('no error');
  expect(errorOf(() => f('up[5m]'))).toMatch(/^bad-data: 1:3: parse error: /);
});

describe('where parameters come from', () => {
  const read = async (init: RequestInit, url = 'http://x/?a=url&b=url'): Promise<string> => (await readParameters(new Request(url, init))).toString();
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };

  test('URL and form, the form first', async () => {
    expect(await read({})).toBe('a=url&b=url');
    expect(await read({ method: 'POST', headers: form, body: 'b=form&c=form' })).toBe('b=form&c=form&a=url&b=url');
    expect(await read({ method: 'POST', headers: form, body: '' })).toBe('a=url&b=url');
    expect(await read({ method: 'POST' })).toBe('a=url&b=url');
  });

  test('plus signs, percent signs, bytes that are no UTF-8', async () => {
    expect((await readParameters(new Request('http://x/', { method: 'POST', headers: form, body: 'q=a+b%2Bc%e4%b8%96&r=%zz' }))).getAll('q')).toEqual(['a b+c世']);
    const broken = new Request('http://x/', { method: 'POST', headers: form, body: Uint8Array.of(0x71, 0x3d, 0xff) });
    expect((await readParameters(broken)).get('q')).toBe('\ufffd');
  });

  test('of a declared length or not, a form says the same, whatever it says', async () => {
    const utf8 = new TextEncoder();
    for (const body of [utf8.encode('expired'), utf8.encode('a=é&a=世'), utf8.encode('\ufeffa=1'), Uint8Array.of(0x71, 0x3d, 0xff, 0xfe), new Uint8Array(0)]) {
      const declared = await read({ method: 'POST', headers: { ...form, 'content-length': String(body.length) }, body });
      expect(declared).toBe(await read({ method: 'POST', headers: form, body }));
      expect(declared).toBe(`${new URLSearchParams(new TextDecoder().decode(body))}&a=url&b=url`.replace(/^&/, ''));
    }
  });

  test('one that is declared too long is refused, and one without a declared length is counted', async () => {
    const bytesMax = LIMITS.queryBodyBytesMax;
    for (const [declared, length] of [[bytesMax + 1, 1], [undefined, bytesMax + 1]]) {
      const headers = declared === undefined ? form : { ...form, 'content-length': String(declared) };
      await expect(read({ method: 'POST', headers, body: 'x'.repeat(length!) })).rejects.toThrow(`the body is larger than the limit queryBodyBytesMax of ${bytesMax} bytes`);
    }
  });

  test('a form that does not arrive is given up, and one that takes its time is not', async () => {
    const clock = new WaitingClock(0);
    const reading = (body: ReadableStream) => readParameters(new Request('http://x/', { method: 'POST', headers: form, body, duplex: 'half' } as RequestInit), clock.startTimer);
    const late = reading(byteStream({})).catch((error: VarveError) => `${error.kind}: ${error.message}`);
    const slow = reading(
      byteStream({
        start: (controller) =>
          void clock.sleep(LIMITS.queryBodyMsMax / 2).then(() => {
            controller.enqueue(new TextEncoder().encode('a=1'));
            controller.close();
          }),
      }),
    );
    await clock.advance(LIMITS.queryBodyMsMax / 2);
    expect((await slow).toString()).toBe('a=1');
    await clock.advance(LIMITS.queryBodyMsMax / 2);
    expect(await late).toBe('timeout: the body has not arrived within queryBodyMsMax (30000 ms); send it again');
  });

  test.each(['declared', 'undeclared'])('a form that is too long and does not arrive is told that it is too long (%s)', async (how) => {
    const clock = new WaitingClock(0);
    const bytes = LIMITS.queryBodyBytesMax + 1;
    const headers = how === 'declared' ? { ...form, 'content-length': String(bytes) } : form;
    const body = byteStream({ start: (controller) => controller.enqueue(new Uint8Array(how === 'declared' ? 1 : bytes)) });
    const outcome = readParameters(new Request('http://x/', { method: 'POST', headers, body, duplex: 'half' } as RequestInit), clock.startTimer).catch((error: VarveError) => error.kind);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(LIMITS.queryBodyMsMax);
    expect(await outcome).toBe('too-large');
  });

  test('a body of another type says nothing', async () => {
    expect([...(await read({ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":"2"}' }))]).toEqual([...(await read({}))]);
  });
});
