import { describe, expect, test } from 'vitest';
import { labelsFrom } from '../../storage/model/labels.ts';
import { memoryApi, NOON } from './api.ts';
import { liveBytes } from '../fakes/live-bytes.ts';

/* What a query may use, tried at the bounds that are in force: the answer names the bound, and nothing of the query stays behind. */

const SERIES = 500;
/** A scrape a second. */
const SCRAPES = 100;
const MEBIBYTE = 2 ** 20;
/** What an answer leaves behind at most: caches of the shard fill, code is compiled. A query at one of the bounds takes 50 MiB and more. */
const REMAINS_BYTES_MAX = 8 * MEBIBYTE;

const api = await memoryApi();
const shard = api.shards.storeOf(api.shards.shardNames[0]!);
const timestampsMs = Array.from({ length: SCRAPES }, (_, i) => NOON + i * 1000);
shard.appendLocal(
  Array.from({ length: SERIES }, (_, i) => ({
    labels: labelsFrom({ __name__: 'requests_total', instance: `host-${i}` }), timestampsMs, values: Float64Array.from(timestampsMs, (_, j) => i + j),
  })),
);

const END_SECONDS = NOON / 1000 + SCRAPES - 1;

/** Asked at so many steps of 10 ms up to the last scrape; by POST, as long queries are. */
async function ask(query: string, stepCount: number, more: Record<string, string> = {}): Promise<{ status: number; error: unknown; errorType: unknown; text: string }> {
  const times: Record<string, string> =
    stepCount === 1 ? { time: String(END_SECONDS) } : { start: String(END_SECONDS - (stepCount - 1) / 100), end: String(END_SECONDS), step: '0.01' };
  const answer = await api.ask(`/api/v1/${stepCount === 1 ? 'query' : 'query_range'}`, { method: 'POST', body: new URLSearchParams({ query, ...times, ...more }) });
  const text = await answer.text();
  const { error, errorType } = JSON.parse(text) as { error?: string; errorType?: string };
  return { status: answer.status, error, errorType, text };
}

const COUNT = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[${END_SECONDS},"${SERIES}"]}]}}`;
/** Selectors that no plan can take for one another: each reads all samples. */
const reads = Array.from({ length: 61 }, (_, i) => `count_over_time(requests_total{zone!="${i}"}[100s])`);
const longValue = 'x'.repeat(60_000);

describe('a query that is too much is refused with the name of the bound, frees what it had, and the next one is answered', () => {
  test.each<[title: string, query: string, stepCount: number, error: string]>([
    ['samples read', reads.join(' or '), 1, 'query processing would load too many samples into memory in query execution (querySamplesMax is 3000000)'],
    ['samples held by an operator', 'requests_total + requests_total', 11_000, 'query processing would load too many samples into memory in query execution (querySamplesMax is 3000000)'],
    ['points of the result', 'requests_total', 11_000, 'query result has too many points (queryPointsMax is 5000000)'],
    ['steps of a subquery', 'sum_over_time(vector(1)[2000000s:1s])', 1, 'query evaluates too many steps (subqueryStepsMax is 1000000)'],
    ['work', 'sum_over_time(vector(1)[900000s:1s])', 11_000, 'query processing would take too long (workMax is 4000000000)'],
    ['label characters', `label_replace(requests_total, "long", "\${1}${longValue}", "instance", "(.*)")`, 1, 'query makes too many label characters (labelCharactersMax is 20000000)'],
    ['label characters that all series share', `label_replace(requests_total, "long", "${longValue}", "__name__", "(.*)")`, 1, 'query makes too many label characters (labelCharactersMax is 20000000)'],
    ['label characters, level by level', `label_join(${'label_join('.repeat(40)}requests_total${', "i", "-", "i", "instance", "i")'.repeat(40)}, "i", "", "i")`, 1, 'query makes too many label characters (labelCharactersMax is 20000000)'],
  ])('%s', async (_title, query, stepCount, error) => {
    await ask('count(requests_total)', 1);
    const before = liveBytes();
    expect(await ask(query, stepCount)).toMatchObject({ status: 422, errorType: 'execution', error });
    expect(liveBytes() - before).toBeLessThan(REMAINS_BYTES_MAX);
    expect(await ask('count(requests_total)', 1)).toMatchObject({ status: 200, text: COUNT });
  }, 30_000);

  test('just below the bounds there is an answer', async () => {
    expect((await ask(`count(${reads.slice(0, 60).join(' or ')})`, 1)).status).toBe(200);
    expect((await ask('count(requests_total + requests_total)', 1_900)).status).toBe(200);
    expect((await ask('sum_over_time(vector(1)[999998s:1s])', 1)).status).toBe(200);
  }, 30_000);

  test('steps and the text of a query, which are told before anything is read', async () => {
    const error = 'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
    expect(await ask('requests_total', 11_002)).toMatchObject({ status: 400, errorType: 'bad_data', error });
    expect(await ask(`"${'x'.repeat(64 * 1024)}"`, 1)).toMatchObject({ status: 400, error: expect.stringContaining('the limit queryTextCharactersMax is 65536') as string });
  });

  test('series', async () => {
    const many = Array.from({ length: 100_001 }, (_, i) => ({ labels: labelsFrom({ __name__: 'many', id: String(i) }), timestampsMs: [NOON], values: Float64Array.of(1) }));
    for (let start = 0; start < many.length; start += 20_000) shard.appendLocal(many.slice(start, start + 20_000));
    expect((await ask('count(many{id!="7"})', 1)).text).toContain('"100000"');
    const before = liveBytes();
    expect(await ask('count(many)', 1)).toMatchObject({ status: 422, error: 'query selects too many series (querySeriesMax is 100000)' });
    expect(liveBytes() - before).toBeLessThan(REMAINS_BYTES_MAX);
    expect(await ask('count(requests_total)', 1)).toMatchObject({ status: 200, text: COUNT });
  }, 60_000);
});

test('a timeout of nothing is over at once, wherever the query would be evaluated', async () => {
  for (const more of [{}, { stats: 'true' }]) expect(await ask('count(requests_total)', 1, { timeout: '0', ...more })).toMatchObject({ status: 503, errorType: 'timeout' });
});
