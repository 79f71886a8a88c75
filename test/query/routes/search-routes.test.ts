import { describe, expect, test, vi } from 'vitest';
import { jaroWinkler, nameScorer, subsequenceScore } from '../../../query/routes/search-match.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { memoryApi } from '../api.ts';

describe('scores', () => {
  const score = (terms: string[], name: string, settings = {}): number | undefined =>
    nameScorer({ terms, algorithm: 'subsequence', threshold: 0, isCaseSensitive: true, ...settings })(name);

  test('of a subsequence: runs and early places count, gaps cost, a prefix is best', () => {
    expect(score([], 'anything')).toBe(1);
    expect(score(['http'], 'http_requests_total')).toBe(1);
    expect(score([''], 'x')).toBe(1);
    for (const [term, name] of [['xyz', 'zyx'], ['aa', 'a'], ['ab', 'b']] as const) expect(score([term], name)).toBeUndefined();
    const ranked = ['my_http', 'h_t_t_p', 'a_h_long_way_to_t_and_t_and_then_p'].map((name) => score(['http'], name)!);
    expect(ranked).toEqual([...ranked].sort((a, b) => b - a));
    expect(ranked.every((points) => points > 0 && points < 1)).toBe(true);
    expect(subsequenceScore('ab', 'axxab')).toBeGreaterThan(subsequenceScore('ab', 'axxxb'));
    expect(score(['h_t'], 'x_h____________t', { threshold: 0.9 })).toBeUndefined();
  });

  /** From each start by itself, as the rule says it. */
  function subsequenceByEachStart(term: string, text: string): number {
    const scores = Array.from(text, (_, start) => {
      let [at, runs, gaps, squares] = [start, 0, start, 0];
      for (const character of term) {
        const found = text.indexOf(character, at);
        if (found < 0 || (at === start && found > start)) return 0;
        if (found > at) [squares, gaps, runs] = [squares + runs * runs, gaps + found - at, 0];
        [runs, at] = [runs + 1, found + 1];
      }
      return Math.max(Number.MIN_VALUE, (squares + runs * runs - gaps / text.length - (text.length - at) / (2 * text.length)) / term.length ** 2);
    });
    return Math.max(0, ...scores);
  }

  test('a subsequence is found from its best start', () => {
    const random = new SeededRandom(5);
    const text = (lengthMax: number) => Array.from({ length: random.between(1, lengthMax) }, () => random.pick(['a', 'b', 'c'])).join('');
    for (let round = 0; round < 3000; round++) {
      const [term, name] = [text(6), text(30)];
      expect([term, name, subsequenceScore(term, name)]).toEqual([term, name, subsequenceByEachStart(term, name)]);
    }
  });

  test('a long name is looked through once for each character of a term, not for each start in it', () => {
    const name = `${'a'.repeat(2000)}b`;
    let looks = 0;
    const { indexOf } = String.prototype;
    const spy = vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (this: string, text: string, from = 0): number {
      const found = indexOf.call(this, text, from);
      looks += found < 0 ? this.length - from : found - from + 1;
      return found;
    });
    expect(subsequenceScore('ab', name)).toBeGreaterThan(0);
    spy.mockRestore();
    // And the places of its first character, one after another.
    expect(looks).toBeLessThanOrEqual(3 * name.length);
  });

  test('of terms the best, in any case when asked', () => {
    expect(score(['zzz', 'cpu'], 'cpu_seconds')).toBe(1);
    expect(score(['CPU'], 'cpu')).toBeUndefined();
    expect(score(['CPU'], 'Cpu', { isCaseSensitive: false })).toBe(1);
  });

  test('of Jaro and Winkler', () => {
    // The pairs that every text on it uses.
    expect(jaroWinkler('MARTHA', 'MARHTA')).toBeCloseTo(0.9611, 4);
    expect(jaroWinkler('DIXON', 'DICKSONX')).toBeCloseTo(0.8133, 4);
    expect(jaroWinkler('abc', 'xyz')).toBe(0);
    expect(score(['marhta'], 'martha', { algorithm: 'jarowinkler' })).toBeUndefined();
    expect(score(['marhta'], 'martha', { algorithm: 'jarowinkler', threshold: 0.9 })).toBeCloseTo(0.9611, 4);
    expect(score(['rth'], 'martha', { algorithm: 'jarowinkler', threshold: 1 })).toBe(0.9);
  });
});

describe('search', () => {
  const system = async () => {
    const api = await memoryApi({ shardCount: 2 });
    for (const [i, name] of ['cpu_seconds', 'memory_bytes', 'cpu_count', 'my_cpu'].entries()) api.write(i % 2, { __name__: name, host: `h${i}` }, [1]);
    const lines = async (path: string): Promise<unknown[]> => {
      const answer = await api.ask(`/api/v1/search/${path}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
      return (await answer.text()).trimEnd().split('\n').map((line) => JSON.parse(line) as unknown);
    };
    return { api, lines };
  };
  const names = (...found: string[]) => ({ results: found.map((name) => ({ name })) });
  const end = (has_more = false) => ({ status: 'success', has_more });

  test('metric names, label names, label values', async () => {
    const { lines } = await system();
    expect(await lines('metric_names')).toEqual([names('cpu_count', 'cpu_seconds', 'memory_bytes', 'my_cpu'), end()]);
    expect(await lines('metric_names?search[]=cpu&sort_by=score&include_score=true')).toEqual([
      { results: [{ name: 'cpu_count', score: 1 }, { name: 'cpu_seconds', score: 1 }, { name: 'my_cpu', score: expect.any(Number) as number }] },
      end(),
    ]);
    expect(await lines('metric_names?match[]=memory_bytes')).toEqual([names('memory_bytes'), end()]);
    expect(await lines('label_names?search[]=ho')).toEqual([names('host'), end()]);
    expect(await lines('label_values?label=host&sort_by=alpha&sort_dir=dsc')).toEqual([names('h3', 'h2', 'h1', 'h0'), end()]);
  });

  test('of what is missing at most ten lines', async () => {
    const api = await memoryApi({ shardCount: 12 });
    // Each is asked twice.
    api.shards.faults.push(...Array.from({ length: 24 }, () => 'lose-request' as const));
    const [first] = (await (await api.ask('/api/v1/search/label_names?partial_response=true')).text()).split('\n');
    const { warnings } = JSON.parse(first!) as { warnings: string[] };
    expect(warnings).toHaveLength(11);
    expect(warnings.slice(9)).toEqual([expect.stringMatching(/series of shard 9 are missing/), '2 more warning annotations omitted']);
  });

  test('metadata of metrics, few or many, under their own names or their families', async () => {
    const { api, lines } = await system();
    const tenant = await api.router.tenant('default');
    const entry = (metric: string, help: string, unit = '') => ({ metric, type: 'gauge' as const, help, unit });
    const note = (...entries: ReturnType<typeof entry>[]) => tenant.catalog((stub) => stub.noteMetadata({ version: 1, entries }));
    await note(entry('cpu_seconds', 'time', 'seconds'), entry('memory_bytes', ''), entry('other', 'of no series'), entry('latency', 'a histogram'));
    api.write(0, { __name__: 'latency_bucket', le: '1' }, [1]);
    const wanted = [
      { name: 'cpu_count' },
      { name: 'cpu_seconds', type: 'gauge', help: 'time', unit: 'seconds' },
      { name: 'latency_bucket', type: 'gauge', help: 'a histogram' },
      { name: 'memory_bytes', type: 'gauge' },
      { name: 'my_cpu' },
    ];
    expect(await lines('metric_names?include_metadata=true')).toEqual([{ results: wanted }, end()]);
    for (let i = 0; i < 20; i++) api.write(0, { __name__: `z${i}` }, [1]);
    const [many] = (await lines('metric_names?include_metadata=1')) as [{ results: unknown[] }];
    expect([many.results.length, many.results.slice(0, 5)]).toEqual([25, wanted]);
    expect((await lines('metric_names?search[]=cpu_s&include_metadata=true&include_score=true'))[0]).toEqual({ results: [{ name: 'cpu_seconds', score: 1, type: 'gauge', help: 'time', unit: 'seconds' }] });
    // Of metrics alone.
    expect(await lines('label_names?search[]=host&include_metadata=true')).toEqual([names('host'), end()]);
  });

  test('batches, limits, and an empty answer', async () => {
    const { lines } = await system();
    expect(await lines('label_values?label=host&batch_size=2')).toEqual([names('h0', 'h1'), names('h2', 'h3'), end()]);
    expect(await lines('label_values?label=host&limit=3&batch_size=2')).toEqual([names('h0', 'h1'), names('h2'), end(true)]);
    expect(await lines('metric_names?search[]=zzz')).toEqual([names(), end()]);
  });

  test('terms and names that would take too long to compare are refused, and others have their turns before', async () => {
    const { api } = await system();
    for (let i = 0; i < 200; i++) api.write(0, { __name__: 'long', value: `${i}${'a'.repeat(2000)}` }, [1]);
    const terms = (count: number) => Array.from({ length: count }, () => `search[]=${'b'.repeat(256)}`).join('&');
    const pause = vi.spyOn(api.clock, 'sleep');
    const path = '/api/v1/search/label_values?label=value&';
    const { status, json } = await api.get(path + terms(32));
    expect([status, json['errorType'], json['error']]).toEqual([422, 'execution', expect.stringContaining('200 names are too many to compare with these search[] terms (searchWorkMax is 500000000)')]);
    expect(pause).not.toHaveBeenCalled();
    expect((await api.ask(path + terms(4))).status).toBe(200);
    expect(pause.mock.calls.length).toBeGreaterThan(100);
  });

  test('parameters are checked', async () => {
    const { api } = await system();
    const cases = [
      ['label_values', 'missing required parameter "label"'],
      ['metric_names?fuzz_threshold=101', 'invalid fuzz_threshold "101": must be 0-100'],
      ['metric_names?fuzz_alg=soundex', 'unsupported fuzz_alg "soundex": must be one of [subsequence jarowinkler]'],
      ['metric_names?sort_dir=asc', 'sort_dir is only valid when sort_by is set'],
      ['metric_names?sort_by=score', 'sort_by=score requires search[] to be set'],
      ['metric_names?sort_by=score&sort_dir=dsc', 'sort_dir is not supported for sort_by=score'],
      ['metric_names?sort_by=size', 'invalid sort_by "size": must be "alpha" or "score"'],
      ['metric_names?sort_by=alpha&sort_dir=up', 'invalid sort_dir "up": must be "asc" or "dsc"'],
      ['metric_names?limit=-1', 'invalid limit "-1": must be non-negative integer'],
      ['metric_names?limit=10001', 'limit 10001 exceeds the limit searchResultsMax of 10000'],
      ['metric_names?include_metadata=perhaps', 'invalid include_metadata "perhaps": must be boolean'],
      ['metric_names?case_sensitive=2', 'invalid case_sensitive "2": must be boolean'],
      ['metric_names?batch_size=x', 'invalid batch_size "x": must be non-negative integer'],
      [`metric_names?${'search[]=a&'.repeat(33)}`, 'too many search[] terms: 33, the limit searchTermsMax is 32'],
      [`metric_names?search[]=${'a'.repeat(257)}`, 'a search[] term of 257 characters is longer than the limit searchTermCharactersMax of 256'],
    ];
    for (const [path, error] of cases) expect(await api.get(`/api/v1/search/${path}`)).toEqual({ status: 400, json: { status: 'error', errorType: 'bad_data', error } });
  });
});
