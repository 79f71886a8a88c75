import { expect, test } from 'vitest';
import { Rejections } from '../../ingest/rejections.ts';
import { WRITE_STATUS, writeResponse } from '../../ingest/write-outcome.ts';

test('everything is counted, the first few are quoted, and the rest costs nothing', () => {
  const rejections = new Rejections(2);
  expect([rejections.isEmpty, rejections.kind]).toEqual([true, 'bad-data']);
  let made = 0;
  for (let i = 0; i < 1000; i++) rejections.add('bad-data', 2, () => `reason ${(made++, i)}`);
  expect([rejections.samples, made]).toEqual([2000, 2]);
  expect(rejections.message(7)).toBe('2000 samples refused, 7 stored: reason 0; reason 1; and 998 more');
});

test('a limit outweighs bad data, whichever came first', () => {
  for (const kinds of [['bad-data', 'limit'], ['limit', 'bad-data']] as const) {
    const rejections = new Rejections(5);
    for (const kind of kinds) rejections.add(kind, 1, () => kind);
    expect(rejections.kind).toBe('limit');
  }
});

test('the answer: 204 without rejections, or the reasons with the status that fits and when to come back', async () => {
  expect(writeResponse({ storedSamples: 1, metadataIgnored: 0, rejections: new Rejections(5) }).status).toBe(204);
  const bad = new Rejections(5);
  bad.add('bad-data', 1, () => 'no');
  const badAnswer = writeResponse({ storedSamples: 3, metadataIgnored: 0, rejections: bad });
  expect([badAnswer.status, badAnswer.headers.get('retry-after'), await badAnswer.text()]).toEqual([400, null, '1 samples refused, 3 stored: no\n']);
  bad.add('limit', 1, () => 'full');
  const limited = writeResponse({ storedSamples: 0, metadataIgnored: 0, rejections: bad });
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '5']);
  // A sender tries again after 5xx and drops after 4xx: what may pass later must not be a 4xx, but for 429.
  for (const kind of ['overloaded', 'unavailable', 'timeout'] as const) expect(WRITE_STATUS[kind]).toBe(503);
});
