import { beforeAll, describe, expect, test } from 'vitest';
import { ObjectEvaluation } from '../../query/source/object-evaluation.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { EVALUATE_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import { memoryApi, NOON } from './api.ts';

/* What a shard does to find the series of a query counts over all selectors and pages of that query, and of no other one. */

const SERIES = 50_000;
const api = await memoryApi();
const shard = api.shards.storeOf(api.shards.shardNames[0]!);

beforeAll(() => {
  const many = Array.from({ length: SERIES }, (_, i) => ({
    labels: labelsFrom({ __name__: 'many', id: String(i), zone: `z${i % 10}` }), timestampsMs: [NOON], values: Float64Array.of(1),
  }));
  for (let start = 0; start < SERIES; start += 10_000) shard.appendLocal(many.slice(start, start + 10_000));
});

async function ask(query: string): Promise<{ status: number; text: string }> {
  const answer = await api.ask('/api/v1/query', { method: 'POST', body: new URLSearchParams({ query, time: String(NOON / 1000) }) });
  return { status: answer.status, text: await answer.text() };
}

/** Each looks at all series, finds 49 of them, and is another one for the plan. */
const selectors = (count: number, more = ''): string => Array.from({ length: count }, (_, i) => `count({id=~".+7${String(i % 100).padStart(2, '0')}",zone!="x${i}"${more}})`).join(' + ');

describe('the selectors of a query', () => {
  test.each([[30, '"1470"'], [300, '"14700"']])('%i that look at 50,000 values are answered', async (count, sum) => {
    const { status, text } = await ask(selectors(count));
    expect([status, text], text.slice(0, 200)).toEqual([200, expect.stringContaining(sum)]);
  });

  test('are refused by the name of the bound when they look at too many values together, or series, and the next query is not', async () => {
    const { status, text } = await ask(selectors(700));
    expect([status, text]).toEqual([422, expect.stringContaining(`(selectionMatchWorkMax is ${LIMITS.selectionMatchWorkMax})`)]);
    const all = await ask(Array.from({ length: 60 }, (_, i) => `count(many{id!~".+",zone!="x${i}"})`).join(' + '));
    expect([all.status, all.text]).toEqual([422, expect.stringContaining(`(selectionSeriesMax is ${LIMITS.selectionSeriesMax})`)]);
    expect((await ask(selectors(30))).status).toBe(200);
  });

  test('that find nothing are declined by the object, in whose turn nothing else is done, when they are many', async () => {
    const request = { version: EVALUATE_RPC_VERSION, steps: { timeMs: NOON }, lookbackMs: LIMITS.lookbackMs, limit: 0, hotFromMs: 0, matchers: [] };
    const evaluation = new ObjectEvaluation(shard);
    expect(await evaluation.evaluate({ ...request, query: selectors(300, ',zone="none"') })).toEqual({ status: 'declined' });
    expect(await evaluation.evaluate({ ...request, query: selectors(3, ',zone="none"') })).toMatchObject({ status: 'answer' });
  });
});
