import { expect, test } from 'vitest';
import { Rejections } from '../../ingest/rejections.ts';
import type { WriteCounts } from '../../ingest/write-counts.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { WRITE_STATUS, writeResponse } from '../../ingest/write-outcome.ts';

function stored(samples: number): WriteCounts {
  return { samples, histograms: 0, exemplars: 0 };
}

test('everything is counted, the first few are quoted, and the rest costs nothing', () => {
  const rejections = new Rejections(2);
  expect([rejections.isEmpty, rejections.kind]).toEqual([true, 'bad-data']);
  let made = 0;
  for (let i = 0; i < 1000; i++) rejections.add('bad-data', 2, () => `reason ${(made++, i)}`);
  expect([rejections.samples, made]).toEqual([2000, 2]);
  expect(rejections.message({ samples: 7, histograms: 0, exemplars: 0 })).toBe('2000 samples refused, 7 stored: reason 0; reason 1; and 998 more');
});

test('a limit outweighs bad data, whichever came first', () => {
  for (const kinds of [['bad-data', 'limit'], ['limit', 'bad-data'], ['cardinality', 'limit'], ['limit', 'cardinality']] as const) {
    const rejections = new Rejections(5);
    for (const kind of kinds) rejections.add(kind, 1, () => kind);
    expect(rejections.kind).toBe('limit');
  }
});

test('the answer: 204 without rejections, or the reasons with the status that fits and when to come back', async () => {
  expect(writeResponse({ stored: stored(1), rejections: new Rejections(5), failure: undefined }).status).toBe(204);
  const bad = new Rejections(5);
  bad.add('bad-data', 1, () => 'no');
  const badAnswer = writeResponse({ stored: stored(3), rejections: bad, failure: undefined });
  expect([badAnswer.status, badAnswer.headers.get('retry-after'), await badAnswer.text()]).toEqual([400, null, '1 sample refused, 3 stored: no\n']);
  bad.add('limit', 1, () => 'full');
  const limited = writeResponse({ stored: stored(0), rejections: bad, failure: undefined });
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '5']);
  // A sender tries again after 5xx and drops after 4xx: what may pass later must not be a 4xx, but for 429.
  for (const kind of ['overloaded', 'unavailable', 'timeout'] as const) expect(WRITE_STATUS[kind]).toBe(503);
});

test('samples, histograms and exemplars are told apart', () => {
  const rejections = new Rejections(5);
  rejections.add('bad-data', { histograms: 2 }, () => 'no');
  rejections.count('bad-data', { exemplars: 3 });
  expect(rejections.counts).toEqual({ samples: 0, histograms: 2, exemplars: 3 });
  expect(rejections.message({ samples: 1, histograms: 4, exemplars: 0 })).toBe('2 histograms, 3 exemplars refused, 1 sample, 4 histograms stored: no');
});

test('a failure outweighs what was refused: all of it has to come again', async () => {
  const rejections = new Rejections(5);
  rejections.add('bad-data', 1, () => 'no');
  const answer = writeResponse({ stored: stored(3), rejections, failure: new VarveError('unavailable', 'shard 1 cannot be reached') });
  expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([503, '5', 'shard 1 cannot be reached\n']);
});
