import { beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { type Envelope, getJson, ask, list, metric, postForm, series, write } from './client.ts';

/*
 * The query half of Prometheus' HTTP API as its clients see it: paths, forms, envelope, error texts and status codes, with one shard and
 * with four. The texts are those of Prometheus 3.14 (`web/api/v1/api.go`).
 */
const t0 = Math.floor(Date.now() / 60_000) * 60 - 3600;
const at = (seconds: number): number => (t0 + seconds) * 1000;

beforeAll(async () => {
  await write(
    series({ __name__: 'api_requests_total', code: '200', path: '/' }, ...[0, 15, 30, 45, 60].map((s) => [at(s), s] as const)),
    series({ __name__: 'api_requests_total', code: '500', path: '/' }, ...[0, 15, 30, 45, 60].map((s) => [at(s), s / 5] as const)),
    series({ __name__: 'api_number', name: 'a' }, [at(0), 3]),
    series({ __name__: 'api_number', name: 'b' }, [at(0), -2.5]),
    series({ __name__: 'api_text', 'with.dots': 'x', odd: 'say "hi"\n\\ é 世界 😀' }, [at(0), 1]),
  );
});

/** Checks an error answer: status, type, and the whole text. */
async function fails(path: string, parameters: Parameters<typeof getJson>[1], text: string | RegExp, status = 400, type = 'bad_data'): Promise<void> {
  for (const answer of [await getJson(path, parameters), await postForm(path, parameters ?? {})]) {
    expect([answer.status, answer.json.status, answer.json.errorType], answer.text).toEqual([status, 'error', type]);
    if (typeof text === 'string') expect(answer.json.error).toBe(text);
    else expect(answer.json.error).toMatch(text);
    expect(Object.keys(answer.json)).toEqual(['status', 'errorType', 'error']);
  }
}

describe('query', () => {
  test('a vector, the envelope byte for byte', async () => {
    const { status, text } = await getJson('/api/v1/query', { query: 'api_number{name="b"}', time: t0 + 1.5 });
    expect(status).toBe(200);
    expect(text).toBe(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"api_number","name":"b"},"value":[${t0 + 1}.500,"-2.5"]}]}}`);
  });

  test('GET and POST, and POST with parameters in the URL', async () => {
    const expected = await getJson('/api/v1/query', { query: 'api_number', time: t0 });
    expect(await postForm('/api/v1/query', { query: 'api_number', time: t0 })).toEqual(expected);
    expect(await postForm('/api/v1/query', { query: 'api_number' }, { time: t0 })).toEqual(expected);
    // Of a parameter given twice the form's counts.
    expect(await postForm('/api/v1/query', { query: 'api_number', time: t0 }, { query: 'other', time: 1 })).toEqual(expected);
    expect(await postForm('/api/v1/query', {}, { query: 'api_number', time: t0 })).toEqual(expected);
  });

  test('without a time it is now', async () => {
    await write(series({ __name__: 'api_now' }, [Date.now() - 1000, 1]));
    const { json } = await getJson('/api/v1/query', { query: 'api_now' });
    const [[time]] = (json.data!.result as { value: [number, string] }[]).map(({ value }) => value) as [[number, string]];
    expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(5);
  });

  const resultOf = async (query: string, parameters: Record<string, string | number> = {}): Promise<[string, unknown]> => {
    const { status, text, json } = await getJson('/api/v1/query', { query, time: t0, ...parameters });
    expect(status, text).toBe(200);
    return [json.data!.resultType, json.data!.result];
  };

  test('the four types of results', async () => {
    expect(await resultOf('1.5')).toEqual(['scalar', [t0, '1.5']]);
    expect(await resultOf('"x\\ty"')).toEqual(['string', [t0, 'x\ty']]);
    expect(await resultOf('api_nothing')).toEqual(['vector', []]);
    expect(await resultOf('api_nothing[5m]')).toEqual(['matrix', []]);
    expect(await resultOf('api_number{name="a"}[1m]')).toEqual(['matrix', [{ metric: { __name__: 'api_number', name: 'a' }, values: [[t0, '3']] }]]);
  });

  test('values and times in Prometheus’ form', async () => {
    const value = async (expression: string): Promise<string> => ((await resultOf(expression))[1] as [number, string])[1];
    const pairs = [
      ['NaN', 'NaN'], ['Inf', '+Inf'], ['-Inf', '-Inf'], ['-0', '-0'], ['0', '0'], ['1e-7', '1e-07'], ['1e-6', '0.000001'], ['1e21', '1e+21'],
      ['1e20', '100000000000000000000'], ['1.5e300', '1.5e+300'], ['5e-324', '5e-324'], ['0.1 + 0.2', '0.30000000000000004'], ['1e100', '1e+100'],
    ];
    for (const [expression, text] of pairs) expect(await value(expression!), expression!).toBe(text);
    const time = async (text: string): Promise<string> => /"result":\[([^,]+),/.exec((await getJson('/api/v1/query', { query: '1', time: text })).text)![1]!;
    const times = [
      ['1435781451', '1435781451'], ['1435781451.781', '1435781451.781'], ['1435781451.5', '1435781451.500'], ['1435781451.05', '1435781451.050'], ['0', '0'],
      ['-0.001', '-0.001'], ['-1.5', '-1.500'], ['1435781451.0004', '1435781451'], ['1.435781451e9', '1435781451'],
      ['2015-07-01T20:10:51.781Z', '1435781451.781'], ['2015-07-01T22:10:51+02:00', '1435781451'], ['2015-07-01T20:10:51.781999999Z', '1435781451.781'],
    ];
    for (const [text, answered] of times) expect(await time(text!), text!).toBe(answered);
  });

  test('label values of every kind, and names that are not identifiers', async () => {
    expect(await resultOf('api_text')).toEqual(['vector', [{ metric: { __name__: 'api_text', odd: 'say "hi"\n\\ é 世界 😀', 'with.dots': 'x' }, value: [t0, '1'] }]]);
    expect((await resultOf('{"with.dots"="x"}'))[1]).toHaveLength(1);
    expect((await resultOf('api_text{odd="say \\"hi\\"\\n\\\\ é 世界 😀"}'))[1]).toHaveLength(1);
  });

  test('the order of the result', async () => {
    const names = async (query: string): Promise<string[]> => ((await resultOf(query))[1] as { metric: { name: string } }[]).map(({ metric }) => metric.name);
    expect(await names('api_number')).toEqual(['a', 'b']);
    expect(await names('sort(api_number)')).toEqual(['b', 'a']);
    expect(await names('topk(2, api_number)')).toEqual(['a', 'b']);
  });

  test('limit cuts and says so', async () => {
    const limited = await getJson('/api/v1/query', { query: 'api_number', time: t0, limit: 1 });
    expect(limited.json.data!.result).toHaveLength(1);
    expect(limited.json.warnings).toEqual(['results truncated due to limit']);
    for (const limit of [0, 2, 3, '+2']) {
      const whole = await getJson('/api/v1/query', { query: 'api_number', time: t0, limit });
      expect(whole.json.data!.result).toHaveLength(2);
      expect(whole.json).not.toHaveProperty('warnings');
    }
  });

  test('warnings and infos', async () => {
    const warned = await getJson('/api/v1/query', { query: 'quantile(2, api_number)', time: t0 });
    expect(warned.json.warnings).toEqual(['PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)']);
    expect(warned.json).not.toHaveProperty('infos');
    const informed = await getJson('/api/v1/query', { query: 'rate(api_number[5m]) or vector(0)', time: t0 });
    expect(informed.json).not.toHaveProperty('warnings');
    const counted = await getJson('/api/v1/query_range', { query: 'rate(api_text[5m])', start: t0, end: t0 + 60, step: 15 });
    expect(counted.status).toBe(200);
    const gauge = await getJson('/api/v1/query', { query: 'rate({__name__="api_number"}[5m])', time: t0 + 60 });
    expect(gauge.status).toBe(200);
  });

  test('lookback_delta', async () => {
    expect((await resultOf('api_number', { time: t0 + 299 }))[1]).toHaveLength(2);
    expect((await resultOf('api_number', { time: t0 + 301 }))[1]).toHaveLength(0);
    expect((await resultOf('api_number', { time: t0 + 301, lookback_delta: '10m' }))[1]).toHaveLength(2);
    expect((await resultOf('api_number', { time: t0 + 31, lookback_delta: '30' }))[1]).toHaveLength(0);
    // As if it were not there.
    expect((await resultOf('api_number', { time: t0 + 299, lookback_delta: '0' }))[1]).toHaveLength(2);
    await fails('/api/v1/query', { query: '1', lookback_delta: 'x' }, 'error parsing lookback delta duration: cannot parse "x" to a valid duration');
  });

  test('timeout', async () => {
    expect((await resultOf('api_number', { timeout: '30s' }))[1]).toHaveLength(2);
    await fails('/api/v1/query', { query: '1', timeout: 'soon' }, 'invalid parameter "timeout": cannot parse "soon" to a valid duration');
    await fails('/api/v1/query', { query: 'api_number', timeout: '0' }, 'query timed out in query execution', 503, 'timeout');
    // Seconds of work, though still within its bound.
    const endless = { query: 'sum_over_time(vector(1)[900000s:1s])', start: t0, end: t0 + 4000, step: 1, timeout: '50ms' };
    await fails('/api/v1/query_range', endless, 'query timed out in expression evaluation', 503, 'timeout');
    expect((await resultOf('api_number', {}))[1]).toHaveLength(2);
  });

  test('stats', async () => {
    const { json } = await getJson('/api/v1/query', { query: 'sum_over_time(api_requests_total[1m])', time: t0 + 60, stats: 'all' });
    expect(json.data!.stats).toMatchObject({ samples: { totalQueryableSamples: 8, peakSamples: expect.any(Number) } });
    expect((await getJson('/api/v1/query', { query: '1' })).json.data).not.toHaveProperty('stats');
  });

  test('explain: the plan alone, and with what each part took', async () => {
    const planned = await getJson('/api/v1/query', { query: 'sum(api_number) + 1', time: t0, explain: 'plan' });
    expect(planned.text).toBe(
      `{"status":"success","data":{"resultType":"vector","result":[]},"explain":${JSON.stringify(`vector + scalar
  sum by ()
    select {__name__="api_number"} at ${at(0)}..${at(0)} from fetch 0 lookback 300000
  constant 1
fetch 0: ${at(-300) + 1}..${at(0)} for 1`)}}`,
    );
    const analyzed = await postForm('/api/v1/query_range', { query: 'sum(api_number) + 1', start: t0, end: t0 + 30, step: 15, explain: 'analyze' });
    expect(analyzed.json.data!.result).toEqual([{ metric: {}, values: [[t0, '1.5'], [t0 + 15, '1.5'], [t0 + 30, '1.5']] }]);
    const lines = (JSON.parse(analyzed.text) as { explain: string }).explain.split('\n');
    expect(lines.map((line) => line.replace(/\[[\d.]+ ms, /, '[… ms, '))).toEqual([
      'vector + scalar [… ms, 1 series, 3 samples]',
      '  sum by () [… ms, 1 series, 3 samples]',
      `    select {__name__="api_number"} at ${at(0)}..${at(30)} from fetch 0 lookback 300000 [… ms, 2 series, 6 samples]`,
      '  constant 1 [… ms, 1 series, 3 samples]',
      `fetch 0: ${at(-300) + 1}..${at(30)} for 1 [… ms, 2 series, 2 samples]`,
      'total [… ms, 2 samples read, 6 looked at, 4 held at most]',
    ]);
    await fails('/api/v1/query', { query: '1', explain: 'yes' }, 'invalid parameter "explain": got "yes", want "plan" or "analyze"');
  });

  test('errors', async () => {
    const query = (parameters: Record<string, string | number>, text: string | RegExp, status = 400, type = 'bad_data'): Promise<void> =>
      fails('/api/v1/query', parameters, text, status, type);
    await query({}, 'invalid parameter "query": unknown position: parse error: no expression found in input');
    await query({ query: '' }, 'invalid parameter "query": unknown position: parse error: no expression found in input');
    await query({ query: 'sum(' }, /^invalid parameter "query": 1:5: parse error: unclosed left parenthesis$/);
    await query({ query: 'rate(up)' }, 'invalid parameter "query": 1:6: parse error: expected type range vector in call to function "rate", got instant vector');
    await query({ query: 'nope(up)' }, 'invalid parameter "query": 1:1: parse error: unknown function with name "nope"');
    await query({ query: '{}' }, 'invalid parameter "query": 1:1: parse error: vector selector must contain at least one non-empty matcher');
    await query({ query: 'up', time: 'x' }, `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`);
    await query({ query: 'up', time: '1e300' }, /^invalid parameter "time"/);
    await query({ query: 'up', limit: 'x' }, 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax');
    await query({ query: 'up', limit: '1.5' }, 'invalid parameter "limit": strconv.Atoi: parsing "1.5": invalid syntax');
    await query({ query: 'up', limit: -1 }, 'invalid parameter "limit": limit must be non-negative');
    // Wrong in two ways: the limit is looked at first.
    await query({ query: 'sum(', time: 'x', limit: -1 }, 'invalid parameter "limit": limit must be non-negative');
    await query({ query: 'api_number + on () group_left () api_number', time: t0 }, /many-to-many|found duplicate series/, 422, 'execution');
  });
});

describe('query_range', () => {
  test('a matrix, the envelope byte for byte', async () => {
    const { status, text } = await getJson('/api/v1/query_range', { query: 'sum by (code) (api_requests_total)', start: t0, end: t0 + 30, step: '15s' });
    expect(status).toBe(200);
    const points = (...values: string[]): string => values.map((value, k) => `[${t0 + 15 * k},"${value}"]`).join(',');
    expect(text).toBe(
      `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"code":"200"},"values":[${points('0', '15', '30')}]},{"metric":{"code":"500"},"values":[${points('0', '3', '6')}]}]}}`,
    );
  });

  test('steps of a fraction of a second, and points that are missing', async () => {
    const { json } = await getJson('/api/v1/query_range', { query: 'api_number{name="a"}', start: t0 - 1, end: t0 + 0.75, step: '0.25', lookback_delta: '0.5' });
    expect(json.data!.result).toEqual([{ metric: { __name__: 'api_number', name: 'a' }, values: [[t0, '3'], [t0 + 0.25, '3']] }]);
    expect((await getJson('/api/v1/query_range', { query: 'api_nothing', start: t0, end: t0, step: 1 })).json.data!.result).toEqual([]);
  });

  test('a scalar is a matrix of one series without labels', async () => {
    const { json } = await postForm('/api/v1/query_range', { query: '1', start: t0, end: t0 + 1, step: 1 });
    expect(json.data).toEqual({ resultType: 'matrix', result: [{ metric: {}, values: [[t0, '1'], [t0 + 1, '1']] }] });
  });

  test('limit', async () => {
    const { json } = await getJson('/api/v1/query_range', { query: 'api_requests_total', start: t0, end: t0, step: 1, limit: 1 });
    expect(json.data!.result).toHaveLength(1);
    expect(json.warnings).toEqual(['results truncated due to limit']);
  });

  test('a long answer comes in pieces and is whole', async () => {
    const { json } = await getJson('/api/v1/query_range', { query: 'api_requests_total * 1.123456789', start: t0, end: t0 + 120, step: 0.02 });
    const result = json.data!.result as { values: unknown[] }[];
    expect(result.map(({ values }) => values.length)).toEqual([6001, 6001]);
  });

  test('11,000 steps and one point more are the most', async () => {
    const { json } = await getJson('/api/v1/query_range', { query: '1', start: 0, end: 11_000, step: 1 });
    expect((json.data!.result as { values: unknown[] }[])[0]!.values).toHaveLength(11_001);
    const text = 'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
    await fails('/api/v1/query_range', { query: '1', start: 0, end: 11_001, step: 1 }, text);
    await fails('/api/v1/query_range', { query: '1', start: 0, end: 1e10, step: '1ms' }, text);
  });

  test('errors', async () => {
    const range = (changes: Record<string, string | number>, text: string | RegExp, status = 400): Promise<void> =>
      fails('/api/v1/query_range', { query: '1', start: 1, end: 2, step: 1, ...changes }, text, status);
    await range({ start: '' }, 'invalid parameter "start": cannot parse "" to a valid timestamp');
    await range({ start: 'x' }, 'invalid parameter "start": cannot parse "x" to a valid timestamp');
    await range({ end: '' }, 'invalid parameter "end": cannot parse "" to a valid timestamp');
    await range({ end: 'now' }, 'invalid parameter "end": cannot parse "now" to a valid timestamp');
    await range({ end: 0 }, 'invalid parameter "end": end timestamp must not be before start time');
    await range({ step: '' }, 'invalid parameter "step": cannot parse "" to a valid duration');
    await range({ step: 'x' }, 'invalid parameter "step": cannot parse "x" to a valid duration');
    await range({ step: '1e30' }, 'invalid parameter "step": cannot parse "1e30" to a valid duration. It overflows int64');
    const noStep = 'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer';
    for (const step of [0, '0s', -1, '0.0001']) await range({ step }, noStep);
    await range({ query: '' }, 'invalid parameter "query": unknown position: parse error: no expression found in input');
    await range({ query: '"text"' }, 'invalid parameter "query": invalid expression type "string" for range query, must be Scalar or instant Vector');
    await range({ query: 'up[5m]' }, 'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector');
    await range({ start: 'x', limit: -1 }, 'invalid parameter "limit": limit must be non-negative');
  });
});

describe('labels, label values, series', () => {
  test('label names', async () => {
    expect(await list('/api/v1/labels')).toEqual(expect.arrayContaining(['__name__', 'code', 'name', 'odd', 'path', 'with.dots']));
    expect(await list('/api/v1/labels', { 'match[]': 'api_number' })).toEqual(['__name__', 'name']);
    expect(await list('/api/v1/labels', [['match[]', 'api_number'], ['match[]', 'api_text']])).toEqual(['__name__', 'name', 'odd', 'with.dots']);
    expect(await list('/api/v1/labels', { 'match[]': 'api_nothing' })).toEqual([]);
    expect((await postForm('/api/v1/labels', { 'match[]': 'api_number' })).json.data).toEqual(['__name__', 'name']);
    const limited = await getJson('/api/v1/labels', { 'match[]': 'api_text', limit: 2 });
    expect(limited.json).toEqual({ status: 'success', data: ['__name__', 'odd'], warnings: ['results truncated due to limit'] });
  });

  test('label values', async () => {
    expect(await list('/api/v1/label/code/values')).toEqual(['200', '500']);
    expect(await list('/api/v1/label/__name__/values', { 'match[]': '{__name__=~"api_n.+",__name__!="api_now"}' })).toEqual(['api_number']);
    expect(await list('/api/v1/label/nothing/values')).toEqual([]);
    expect(await list('/api/v1/label/code/values', { start: t0, end: t0 + 60, limit: 0 })).toEqual(['200', '500']);
    const limited = await getJson('/api/v1/label/code/values', { limit: 1 });
    expect(limited.json).toEqual({ status: 'success', data: ['200'], warnings: ['results truncated due to limit'] });
  });

  test('names that are not identifiers, escaped and not', async () => {
    for (const name of ['U__with_2e_dots', 'with.dots', 'with%2Edots']) expect(await list(`/api/v1/label/${name}/values`), name).toEqual(['x']);
    // A name that begins like an escaped one and is none stands for itself.
    await write(series({ __name__: 'api_escaped', 'U__a_': 'itself', under_score: 'u' }, [at(0), 1]));
    expect(await list('/api/v1/label/U__a_/values')).toEqual(['itself']);
    expect(await list('/api/v1/label/U__under__score/values')).toEqual(['u']);
  });

  test('series', async () => {
    expect(await list('/api/v1/series', { 'match[]': 'api_number' })).toEqual([{ __name__: 'api_number', name: 'a' }, { __name__: 'api_number', name: 'b' }]);
    expect(await list('/api/v1/series', [['match[]', 'api_number{name="b"}'], ['match[]', '{name="b"}'], ['match[]', 'api_requests_total{code="200"}']])).toEqual([
      { __name__: 'api_number', name: 'b' }, { __name__: 'api_requests_total', code: '200', path: '/' },
    ]);
    expect((await postForm('/api/v1/series', { 'match[]': 'api_nothing' })).json).toEqual({ status: 'success', data: [] });
    const limited = await getJson('/api/v1/series', { 'match[]': 'api_number', limit: 1 });
    expect(limited.json).toEqual({ status: 'success', data: [{ __name__: 'api_number', name: 'a' }], warnings: ['results truncated due to limit'] });
  });

  test('errors', async () => {
    await fails('/api/v1/series', {}, 'no match[] parameter provided');
    const takesAll = 'match[] must contain at least one non-empty matcher';
    for (const selector of ['{}', '{a=""}', '{a=~".*"}', '{a!="x"}']) {
      await fails('/api/v1/labels', { 'match[]': selector }, takesAll);
      await fails('/api/v1/series', { 'match[]': selector }, `invalid parameter "match[]": ${takesAll}`);
    }
    await fails('/api/v1/series', { 'match[]': '{a="b"' }, /^invalid parameter "match\[\]": 1:7: parse error: /);
    await fails('/api/v1/labels', { 'match[]': 'sum(x)' }, /^1:4: parse error: /);
    await fails('/api/v1/labels', { start: 'x' }, `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`);
    await fails('/api/v1/series', { 'match[]': 'up', end: 'x' }, `invalid parameter "end": invalid time value for 'end': cannot parse "x" to a valid timestamp`);
    await fails('/api/v1/labels', { limit: '-1' }, 'invalid parameter "limit": limit must be non-negative');
    const values = await getJson('/api/v1/label/a/values', { 'match[]': '{}' });
    expect([values.status, values.json.error]).toEqual([400, takesAll]);
  });
});

describe('around the API', () => {
  const plain = async (path: string, init?: RequestInit): Promise<[number, string]> => {
    const answer = await ask(path, init);
    return [answer.status, await answer.text()];
  };

  test('buildinfo says which Prometheus this is', async () => {
    const { json } = await getJson('/api/v1/status/buildinfo');
    expect(json.data).toMatchObject({ version: '3.14.0', application: 'Varve' });
    // Grafana takes a `features` field for Mimir.
    expect(json.data).not.toHaveProperty('features');
  });

  test('health', async () => {
    expect(await plain('/-/healthy')).toEqual([200, 'Varve is Healthy.\n']);
    expect(await plain('/-/ready')).toEqual([200, 'Varve is Ready.\n']);
    expect(await plain('/-/ready', { method: 'HEAD' })).toEqual([200, '']);
  });

  test('metrics count requests by route and never by path', async () => {
    await plain('/api/v1/no-such-path-1');
    await plain('/api/v1/label/some_name/values');
    const answer = await ask('/metrics');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await answer.text();
    expect(text).toMatch(/^varve_http_requests_total\{route="unknown",code="404"\} \d+$/m);
    expect(text).toMatch(/^varve_http_requests_total\{route="\/api\/v1\/label\/:name\/values",code="200"\} \d+$/m);
    expect(text).not.toMatch(/no-such-path|some_name/);
    expect(text).toMatch(/^varve_ingest_samples_total\{protocol="remote-write-v1"\} [1-9]/m);
    expect(text).toMatch(/^varve_shard_up\{shard="0"\} 1$/m);
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(?:# (?:HELP|TYPE) |[a-z_]+(?:\{[^}]*\})? -?[0-9.e+]+$)/);
  });

  test('an unknown path is 404 in the envelope', async () => {
    for (const path of ['/api/v1/nothing', '/api/v2/query', '/x', '/api/v1/query/']) {
      const { status, json } = await getJson(path);
      expect([status, json.errorType], path).toEqual([404, 'not_found']);
    }
  });

  test('a wrong method is 405 and says which are right', async () => {
    const refused = async (method: string, path: string, allow: string): Promise<void> => {
      const answer = await ask(path, { method });
      expect([answer.status, answer.headers.get('allow')], `${method} ${path}`).toEqual([405, allow]);
      await answer.text();
    };
    for (const method of ['PUT', 'DELETE', 'PATCH']) await refused(method, '/api/v1/query', 'GET, POST');
    await refused('GET', '/api/v1/write', 'POST');
    await refused('HEAD', '/api/v1/write', 'POST');
    await refused('POST', '/api/v1/label/a/values', 'GET');
    await refused('POST', '/-/ready', 'GET');
    await refused('DELETE', '/api/v1/series', 'GET, POST');
  });

  test('OPTIONS', async () => {
    const answer = await ask('/api/v1/query_range', { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'GET, POST, OPTIONS']);
  });

  test('a body of another type says nothing, and the URL counts', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"up"}' };
    const answer = await ask('/api/v1/query?query=1', init);
    expect([answer.status, ((await answer.json()) as Envelope).data!.resultType]).toEqual([200, 'scalar']);
    expect(await (await ask('/api/v1/query', init)).json()).toMatchObject({ status: 'error', errorType: 'bad_data', error: expect.stringContaining('no expression found') as unknown });
  });

  test('one snapshot too many is refused, and the shard goes on', async () => {
    for (let i = 0; i < LIMITS.snapshotsMax; i++) expect((await postForm('/api/v1/admin/tsdb/snapshot', {})).status).toBe(200);
    const appends = await metric('varve_shard_samples_appended_total');
    const { status, json } = await postForm('/api/v1/admin/tsdb/snapshot', {});
    expect([status, json.errorType, json.error]).toEqual([422, 'execution', expect.stringContaining('the limit snapshotsMax is 64')]);
    expect(appends).toBeGreaterThan(0);
    // An object that began anew would count from nothing.
    expect(await metric('varve_shard_samples_appended_total')).toBe(appends);
  });
});
