import { describe, expect, test } from 'vitest';
import { ObjectEvaluation } from '../../../query/source/object-evaluation.ts';
import { EMPTY_HISTOGRAM, type FloatHistogram } from '../../../storage/model/histogram.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { VarveError } from '../../../storage/runtime/errors.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { EVALUATE_RPC_VERSION, type EvaluateShardRequest } from '../../../storage/shard/shard-api.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { named, STALE, write, type TestBatch, type TestSeries } from '../../storage/shard/batches.ts';
import { memoryApi, NOON } from '../api.ts';

/* Queries evaluated by the object that holds the series, beside the same queries evaluated by the Worker, which has to ask two shards for them. */

type Api = Awaited<ReturnType<typeof memoryApi>>;

const SCRAPES = 120;
const NOON_SECONDS = NOON / 1000;
const RANGE = `start=${NOON_SECONDS + 100}&end=${NOON_SECONDS + SCRAPES * 10}&step=17`;
const INSTANT = `time=${NOON_SECONDS + SCRAPES * 10 - 3}`;

/** Counters with resets, gauges with gaps and stale markers, start timestamps, histograms of both kinds. */
function load(): TestBatch {
  const random = new SeededRandom(11);
  const times = Array.from({ length: SCRAPES }, (_, i) => NOON + i * 10_000);
  const series: TestSeries[] = [];
  for (let host = 0; host < 6; host++) {
    const labels = { host: `h${host}`, zone: host % 2 === 0 ? 'a' : 'b' };
    let count = random.below(1000);
    const counts = times.map(() => (count = random.oneIn(40) ? 0 : count + random.below(50)));
    series.push({ labels: named('requests_total', labels), samples: times.map((timeMs, i) => [timeMs, counts[i]!, host === 0 ? NOON - 5000 : 0] as const) });
    const gauge = times.filter(() => !random.oneIn(5)).map((timeMs) => [timeMs, random.oneIn(20) ? STALE : random.below(1000) / 7] as const);
    series.push({ labels: named('temperature', labels), samples: gauge });
    for (const le of ['1', '2', '+Inf']) {
      series.push({ labels: named('latency_bucket', { ...labels, le }), samples: times.map((timeMs, i) => [timeMs, i * (le === '1' ? 1 : le === '2' ? 2 : 3)] as const) });
    }
    series.push({ labels: named('sizes', labels), samples: times.map((timeMs, i) => [timeMs, histogramOf(i + host)] as const) });
  }
  return series;
}

function histogramOf(n: number): FloatHistogram {
  return { ...EMPTY_HISTOGRAM, count: n * 3, sum: n * 5, zeroCount: n, positiveSpans: [{ offset: 0, length: 2 }], positiveBuckets: [n, n] };
}

/** One in which an object evaluates, and one in which it cannot: the same data is in the first of two shards. Half is sealed, half in the log. */
async function bothApis(): Promise<{ near: Api; far: Api }> {
  const [near, far] = [await memoryApi(), await memoryApi({ shardCount: 2 })];
  const batch = load();
  for (const { shards } of [near, far]) {
    const store = shards.storeOf(shards.shardNames[0]!);
    const part = (isIn: (timestampMs: number) => boolean): TestBatch => batch.map((series) => ({ ...series, samples: series.samples.filter(([timestampMs]) => isIn(timestampMs)) }));
    expect(write(store, part((timeMs) => timeMs < NOON + 600_000)).status).toBe('stored');
    store.seal();
    expect(write(store, part((timeMs) => timeMs >= NOON + 600_000)).status).toBe('stored');
  }
  return { near, far };
}

const QUERIES = [
  'requests_total', 'temperature{zone="a"}', 'sum(rate(requests_total[1m]))', 'sum by (zone) (rate(requests_total[1m])) / sum by (zone) (temperature)',
  'rate(requests_total[1m] offset 30s)', 'increase(requests_total[2m])', 'irate(requests_total[1m])', 'avg_over_time(temperature[1m])', 'quantile by (zone) (0.9, temperature)',
  'histogram_quantile(0.9, sum by (le) (rate(latency_bucket[1m])))', 'histogram_quantile(0.5, sum(rate(sizes[1m])))', 'sizes', 'histogram_count(sizes)', 'topk(2, temperature)',
  'absent(nothing)', 'absent(temperature{host="h9"}) or absent(temperature)', 'temperature > 50 and on (host) requests_total', 'requests_total * on (host) group_left temperature',
  'max_over_time(sum by (zone) (rate(requests_total[1m]))[5m:30s])', 'count({__name__=~".+"})', 'label_replace(temperature, "h", "$1", "host", "h(.+)")', 'count_values("v", requests_total)',
  'changes(temperature[1m]) + resets(requests_total[5m])', 'scalar(sum(temperature)) * vector(time())', 'start_timestamp(requests_total)', 'temperature @ end()', 'sort_desc(temperature)', '1 + 2', 'rate(temperature[1m])',
];

function pick<T>(random: SeededRandom, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

const SELECTORS = ['requests_total', 'temperature', 'temperature{zone="a"}', 'latency_bucket', 'sizes', '{__name__=~"t.+|r.+"}', '{host="h1"}', '{host=~"h[0-3]",__name__!="sizes"}', 'nothing'];

/** A vector of operators up to `depth` deep; not all of them can be evaluated. */
function randomQuery(random: SeededRandom, depth: number): string {
  const inner = (): string => randomQuery(random, depth - 1);
  const form = depth === 0 ? 0 : random.below(9);
  switch (form) {
    case 0:
    case 1:
      return `${pick(random, SELECTORS)}${random.oneIn(5) ? ' offset 25s' : ''}`;
    case 2:
    case 3:
      return `${pick(random, ['rate', 'increase', 'irate', 'avg_over_time', 'last_over_time', 'quantile_over_time(0.3,', 'changes'])}`.replace(/^([a-z_]+)$/, '$1(') + `${pick(random, SELECTORS)}[${pick(random, ['20s', '1m', '5m'])}])`;
    case 4:
      return `${pick(random, ['sum', 'max', 'avg', 'count', 'stddev'])} ${pick(random, ['', 'by (zone)', 'by (host, le)', 'without (zone)'])} (${inner()})`;
    case 5:
      return `${pick(random, ['topk', 'bottomk', 'limitk'])}(2, ${inner()})`;
    case 6:
      return `${pick(random, ['abs', 'sort', 'sort_desc', '-', 'ceil', 'histogram_count', 'timestamp'])}(${inner()})`;
    case 7:
      return `label_replace(${inner()}, "${pick(random, ['host', 'new', '__name__'])}", "x\\"ü$1", "zone", "(.+)")`;
    default:
      return `(${inner()}) ${pick(random, ['+', '/', '> bool', '<', 'or', 'unless', 'and', '* on (host) group_left ()'])} (${random.oneIn(2) ? '3' : inner()})`;
  }
}

describe('the object answers as the Worker does', () => {
  test('to the byte, without a sample leaving it', async () => {
    const { near, far } = await bothApis();
    for (const query of [...QUERIES, '"text"', 'temperature[1m]', 'temperature[5m:30s]']) {
      const path = `/api/v1/query?query=${encodeURIComponent(query)}&${INSTANT}`;
      expect(await (await near.ask(path)).text(), query).toBe(await (await far.ask(path)).text());
    }
    for (const query of QUERIES) {
      for (const more of ['', '&limit=2', '&lookback_delta=15']) {
        const path = `/api/v1/query_range?query=${encodeURIComponent(query)}&${RANGE}${more}`;
        expect(await (await near.ask(path)).text(), `${query} ${more}`).toBe(await (await far.ask(path)).text());
      }
    }
    expect([near.shards.callsOf('select'), far.shards.callsOf('evaluate')]).toEqual([0, 0]);
  });

  test('to the byte for random queries over random steps, with answers of several chunks among them', async () => {
    const { near, far } = await bothApis();
    const random = new SeededRandom(31);
    const steps = [0.3, 1, 7, 10, 17, 61, 600];
    let longest = 0;
    for (let i = 0; i < 400; i++) {
      const startSeconds = NOON_SECONDS + random.below(SCRAPES * 10);
      const range = `start=${startSeconds}.${random.below(1000)}&end=${startSeconds + random.below(1500)}&step=${pick(random, steps)}`;
      const [route, when] = random.oneIn(3) ? ['query', `time=${startSeconds}`] : ['query_range', range];
      const path = `/api/v1/${route}?query=${encodeURIComponent(randomQuery(random, 3))}&${when}${random.oneIn(4) ? `&limit=${random.between(1, 9)}` : ''}`;
      const text = await (await near.ask(path)).text();
      expect(text, path).toBe(await (await far.ask(path)).text());
      longest = Math.max(longest, text.length);
    }
    expect(longest).toBeGreaterThan(2 ** 20);
    expect(near.shards.callsOf('evaluate')).toBeGreaterThan(near.shards.callsOf('select'));
  });

  test('what is wrong with a query is told in the same words', async () => {
    const { near, far } = await bothApis();
    for (const query of ['sum(', 'requests_total + on (zone) temperature', 'label_replace(temperature, "host", "x", "", "")', 'rate(temperature)', 'temperature[1m]']) {
      const path = `/api/v1/query_range?query=${encodeURIComponent(query)}&${RANGE}`;
      const answer = await near.ask(path);
      expect([answer.status, await answer.text()], query).toEqual([expect.toSatisfy((status: number) => status >= 400 && status < 500), await (await far.ask(path)).text()]);
    }
  });

  test('statistics and plans are of what the Worker does', async () => {
    const { near } = await bothApis();
    for (const more of ['stats=all', 'explain=analyze']) await near.data(`/api/v1/query?query=temperature&${INSTANT}&${more}`);
    expect([near.shards.callsOf('evaluate'), near.shards.callsOf('select')]).toEqual([0, 2]);
  });
});

describe('what is not for the object', () => {
  const store = async () => {
    const { near } = await bothApis();
    return near.shards.storeOf(near.shards.shardNames[0]!);
  };
  const request: EvaluateShardRequest = {
    version: EVALUATE_RPC_VERSION, query: 'temperature', steps: { timeMs: NOON + 600_000 }, lookbackMs: 300_000, limit: 0, hotFromMs: -Infinity, matchers: [],
  };
  const manySteps = { startMs: NOON, endMs: NOON + SCRAPES * 10_000, stepMs: 100 };

  test.each<[string, Partial<EvaluateShardRequest>, 'answer' | 'declined']>([
    ['a small query', {}, 'answer'],
    ['samples that may be in the archive', { hotFromMs: NOON + 600_000 - 300_000 + 2 }, 'declined'],
    ['samples that cannot be', { hotFromMs: NOON + 600_000 - 300_000 + 1 }, 'answer'],
    ['many points', { steps: manySteps }, 'declined'],
    ['many points that become few', { query: 'sum(temperature)', steps: manySteps }, 'answer'],
    ['more of them', { query: 'sum({__name__=~".+"})', steps: { ...manySteps, stepMs: 40 } }, 'declined'],
    ['histograms', { query: 'sum(sizes)', steps: { ...manySteps, stepMs: 100_000 } }, 'answer'],
    ['many histograms', { query: `sum(sizes) + ${Array.from({ length: 3 }, (_, i) => `sum(sizes{host!="${i}"})`).join(' + ')}`, steps: { ...manySteps, stepMs: 100_000 } }, 'declined'],
    ['much work', { query: 'sum(quantile_over_time(0.5, {__name__=~"requests_total|temperature"}[20m]))', steps: manySteps }, 'declined'],
    ['a long answer', { query: `label_replace(temperature, "x", "${'y'.repeat(60_000)}", "", "") or label_replace(temperature, "x", "${'z'.repeat(60_000)}", "", "")`, steps: { ...manySteps, stepMs: 10_000 } }, 'answer'],
    ['labels without end', { query: `sum by (x) (${'label_join('.repeat(12)}label_replace(temperature, "x", "${'y'.repeat(10_000)}", "", "")${', "x", "", "x", "x")'.repeat(12)})` }, 'declined'],
    ['a version that it does not know', { version: EVALUATE_RPC_VERSION - 1 }, 'declined'],
    ['no query', { query: 'sum(' }, 'declined'],
    ['a mistake', { query: 'temperature + on (zone) temperature' }, 'declined'],
  ])('%s', async (_, more, status) => {
    expect((await new ObjectEvaluation(await store()).evaluate({ ...request, ...more })).status).toBe(status);
  });

  test('what has been declined is asked of the Worker alone for a while', async () => {
    const { near } = await bothApis();
    const ask = async (): Promise<number> => (await near.ask(`/api/v1/query_range?query=${encodeURIComponent('{__name__=~"temperature|requests_total"}')}&start=${NOON_SECONDS}&end=${NOON_SECONDS + SCRAPES * 10}&step=0.2`)).status;
    expect([await ask(), await ask(), near.shards.callsOf('evaluate')]).toEqual([200, 200, 1]);
    near.clock.advance(LIMITS.declinedQueryMs);
    expect([await ask(), near.shards.callsOf('evaluate')]).toEqual([200, 2]);
  });
});

describe('an object that fails', () => {
  test('is asked for samples where it cannot be reached, as one is of a release that does not evaluate', async () => {
    for (const fault of ['lose-answer', 'lose-request'] as const) {
      const { near } = await bothApis();
      near.shards.faults.push(fault);
      expect((await near.ask(`/api/v1/query?query=temperature&${INSTANT}`)).status).toBe(200);
      expect([near.shards.callsOf('evaluate'), near.shards.callsOf('select')], fault).toEqual([1, 1]);
    }
  });

  test('and takes its time leaves the Worker no more than the rest of it', async () => {
    const { near } = await bothApis();
    // Every call takes as long as a query may.
    near.shards.faults.shift = () => {
      near.clock.advance(LIMITS.queryTimeoutMs);
      return 'lose-answer';
    };
    const { status, json } = await near.get(`/api/v1/query?query=temperature&${INSTANT}`);
    expect([status, json['errorType'], json['error']]).toEqual([503, 'timeout', 'query timed out in query execution']);
  });

  test('is left alone where it has too much to do', async () => {
    const { near } = await bothApis();
    near.shards.faults.push('overloaded');
    expect((await near.ask(`/api/v1/query?query=temperature&${INSTANT}`)).status).toBe(503);
    expect(near.shards.callsOf('select')).toBe(0);
  });

  test('that has been replaced answers nothing', async () => {
    const { near } = await bothApis();
    const old = near.shards.storeOf(near.shards.shardNames[0]!);
    near.shards.evictAll();
    near.shards.storeOf(near.shards.shardNames[0]!).appendLocal([{ labels: labelsFrom({ __name__: 'temperature' }), timestampsMs: [NOON], values: [1] }]);
    const evaluation = new ObjectEvaluation(old).evaluate({ version: EVALUATE_RPC_VERSION, query: 'temperature', steps: { timeMs: NOON }, lookbackMs: 300_000, limit: 0, hotFromMs: -Infinity, matchers: [] });
    const error = await evaluation.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(VarveError);
  });

  test('restrictions of a reader are joined to every selector', async () => {
    const { near } = await bothApis();
    const store = near.shards.storeOf(near.shards.shardNames[0]!);
    const answer = await new ObjectEvaluation(store).evaluate({
      version: EVALUATE_RPC_VERSION, query: 'count(temperature) + count({__name__=~"requests_total", host!=""})', steps: { timeMs: NOON + 600_000 }, lookbackMs: 300_000, limit: 0, hotFromMs: -Infinity,
      matchers: [{ name: 'zone', type: '=', value: 'a' }],
    });
    expect(answer.status === 'answer' && answer.chunks.map((chunk) => new TextDecoder().decode(chunk)).join('')).toContain('"6"');
  });
});
