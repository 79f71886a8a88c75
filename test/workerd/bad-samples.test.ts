import { beforeAll, describe, expect, test } from 'vitest';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { instant, postWrite, series, write } from './client.ts';

/*
 * Samples that are odd, each between two good ones in one request: stored exactly, or refused with an answer that says what, why and how
 * many were stored beside it.
 */
const nowMs = Math.floor(Date.now() / 1000) * 1000 - 600_000;
let requests = 0;

// The first request makes the whole Worker ready, which takes longer than all that follow.
beforeAll(() => write(series({ __name__: 'bad_samples_ready' }, [nowMs, 1])));

/** Sends the series between two good ones of their own names, which must be stored whatever becomes of it. */
async function sendBetween(odd: WriteRequestSeries): Promise<{ status: number; text: string }> {
  const names = [`before_${++requests}`, `behind_${requests}`];
  const [before, behind] = names.map((name) => series({ __name__: name }, [nowMs, requests])) as [WriteRequestSeries, WriteRequestSeries];
  const answer = await postWrite(snappyEncode(encodeWriteRequest([before, odd, behind])));
  const text = await answer.text();
  for (const name of names) expect(await instant(name, nowMs)).toEqual([{ metric: { __name__: name }, value: [nowMs / 1000, String(requests)] }]);
  return { status: answer.status, text };
}

async function refusedBetween(odd: WriteRequestSeries, message: RegExp): Promise<void> {
  const { status, text } = await sendBetween(odd);
  expect(status, text).toBe(400);
  expect(text).toMatch(/^1 (?:series|samples?) refused, 2 (?:samples )?stored: /);
  expect(text).toMatch(message);
}

describe('values', () => {
  test.each<[string, number, string]>([
    ['nan', NaN, 'NaN'],
    ['infinite', Infinity, '+Inf'],
    ['minus_infinite', -Infinity, '-Inf'],
    ['minus_zero', -0, '-0'],
    ['smallest', 5e-324, '5e-324'],
    ['largest', Number.MAX_VALUE, '1.7976931348623157e+308'],
  ])('%s is stored exactly', async (name, value, text) => {
    const metric = `odd_${name}`;
    expect((await sendBetween(series({ __name__: metric }, [nowMs, value]))).status).toBe(204);
    expect(await instant(metric, nowMs)).toEqual([{ metric: { __name__: metric }, value: [nowMs / 1000, text] }]);
  });
});

describe('timestamps', () => {
  const at = (timestampMs: number): WriteRequestSeries => series({ __name__: 'odd_time' }, [timestampMs, 1]);

  test('in seconds', () => refusedBetween(at(Math.floor(nowMs / 1000)), /too old: .*in seconds/));
  test('zero and negative', async () => {
    await refusedBetween(at(0), /too old: 0 /);
    await refusedBetween(at(-nowMs), /too old: -\d+ /);
    await refusedBetween(at(-(2 ** 50)), /too old: -\d+ /);
  });
  test('in the far future, and beyond what can be stored', async () => {
    await refusedBetween(at(Date.now() + 3_600_000), /out of bounds: .*timestampAheadMsMax/);
    await refusedBetween(at(nowMs * 1000), /out of bounds: /);
    await refusedBetween(at(2 ** 53 - 1), /out of bounds: /);
  });
});

describe('labels', () => {
  const labelled = (...pairs: string[]): WriteRequestSeries => ({ labels: ['__name__', 'odd_labels', ...pairs], timestampsMs: [nowMs], values: [1] });

  test('an empty value is a label that is not there', async () => {
    expect((await sendBetween({ labels: ['__name__', 'odd_empty', 'a', '', 'b', '1'], timestampsMs: [nowMs], values: [7] })).status).toBe(204);
    expect(await instant('odd_empty', nowMs)).toEqual([{ metric: { __name__: 'odd_empty', b: '1' }, value: [nowMs / 1000, '7'] }]);
  });

  test('a value of a megabyte', () => refusedBetween(labelled('a', 'x'.repeat(1_000_000)), /the value of label "a" has 1000000 bytes, the limit labelValueBytesMax is 2048/));
  test('a name of a megabyte', () => refusedBetween(labelled('x'.repeat(1_000_000), 'a'), /a label name of 1000000 bytes, the limit labelNameBytesMax is 1024/));
  test('a name twice', () => refusedBetween(labelled('a', '1', 'a', '2'), /label name "a" is not unique/));
  test('a name twice with one value', () => refusedBetween(labelled('a', '1', 'a', '1'), /label name "a" is not unique/));
  test('an empty name', () => refusedBetween(labelled('', '1'), /a label name is empty/));

  test('the longest that may be', async () => {
    const value = 'ü'.repeat(LIMITS.labelValueBytesMax / 2);
    await write(series({ __name__: 'odd_long', a: value }, [nowMs, 1]));
    expect(await instant('odd_long', nowMs)).toMatchObject([{ metric: { a: value } }]);
  });

  test.each<[string, string]>([
    ['accents', 'température'],
    ['accents that are characters of their own', 'tempe\u0301rature'],
    ['beyond the first plane', '𝒳🜁👩‍👩‍👧'],
    ['right to left', 'حرارة\u200f'],
    ['a NUL inside', 'a\u0000b'],
    ['control characters and a line break', '\u0001\n\t\u007f'],
    ['the byte order mark', '\ufeffk'],
    ['noncharacters', '\uffff\u{10ffff}'],
    ['quotes', `"'\\{}[]`],
    ['a property of objects', '__proto__'],
  ])('any Unicode in names and values: %s', async (_, text) => {
    await write({ labels: sorted(['__name__', 'odd_text'], [text, text]), timestampsMs: [nowMs], values: [1] });
    const result = (await instant('odd_text', nowMs)) as { metric: Record<string, string> }[];
    const found = result.find(({ metric }) => Object.hasOwn(metric, text));
    expect(found?.metric[text]).toBe(text);
  });
});

function sorted(...pairs: readonly (readonly [string, string])[]): string[] {
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}
