import { afterEach, describe, expect, test, vi } from 'vitest';
import type { MatrixSeries } from '../../promql/query-result.ts';
import { failure, streamed, successOf, successText } from '../../query/respond.ts';
import { queryData } from '../../query/text/result-json.ts';
import { VarveError, type ErrorKind } from '../../storage/runtime/errors.ts';

describe('errors', () => {
  const answers = async (error: unknown, status: number, errorType: string, text: string): Promise<void> => {
    const answer = failure(error);
    expect([answer.status, await answer.json()]).toEqual([status, { status: 'error', errorType, error: text }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  };
  const silence = vi.spyOn(console, 'error');
  afterEach(() => silence.mockReset());

  test('each kind has its status', async () => {
    const kinds: [ErrorKind, number, string][] = [
      ['bad-data', 400, 'bad_data'], ['not-found', 404, 'not_found'], ['not-supported', 415, 'bad_data'], ['too-large', 413, 'bad_data'],
      ['limit', 422, 'execution'], ['execution', 422, 'execution'], ['timeout', 503, 'timeout'], ['canceled', 499, 'canceled'],
      ['overloaded', 503, 'unavailable'], ['unavailable', 503, 'unavailable'],
    ];
    for (const [kind, status, errorType] of kinds) await answers(new VarveError(kind, 'why'), status, errorType, 'why');
  });

  test('signals that ended a query', async () => {
    await answers(new DOMException('x', 'TimeoutError'), 503, 'timeout', 'query timed out in expression evaluation');
    await answers(new DOMException('x', 'AbortError'), 499, 'canceled', 'query was canceled in expression evaluation');
  });

  test('our own faults are logged, and nobody outside learns what they say', async () => {
    silence.mockImplementation(() => {});
    const fault = new Error('BUG: secret');
    await answers(fault, 500, 'internal', 'internal error');
    expect(silence).toHaveBeenCalledWith('internal error:', fault);
    expect(await failure(fault, 'abc').json()).toEqual({ status: 'error', errorType: 'internal', error: 'internal error (request abc)' });
    expect(silence).toHaveBeenLastCalledWith('internal error (request abc):', fault);
    await answers('not even an error', 500, 'internal', 'internal error');
  });
});

describe('answers', () => {
  test('at most ten of each kind of note, and a count of the rest', async () => {
    const notes = (count: number): string[] => Array.from({ length: count }, (_, i) => `note ${i}`);
    expect(await successOf('[]', { warnings: notes(10) }).json()).toEqual({ status: 'success', data: [], warnings: notes(10) });
    const many = (await successOf('1', { warnings: notes(12), infos: notes(11) }).json()) as { warnings: string[]; infos: string[] };
    expect(many.warnings).toEqual([...notes(10), '2 more warning annotations omitted']);
    expect(many.infos).toEqual([...notes(10), '1 more info annotations omitted']);
    const cut = (await successOf('1', { warnings: notes(12), infos: notes(11), cut: ['info'] }).json()) as { warnings: string[]; infos: string[] };
    expect([cut.warnings.at(-1), cut.infos.at(-1)]).toEqual(['2 more warning annotations omitted', 'at least 1 more info annotations omitted']);
    expect(await successOf('1', { warnings: [], infos: [] }).text()).toBe('{"status":"success","data":1}');
  });

  test('data that are JSON already, as text or as bytes', async () => {
    for (const json of ['[]', '["é","世"]', new TextEncoder().encode('["é","世"]')]) {
      const answer = successOf(json, { warnings: ['ü'] });
      const text = typeof json === 'string' ? json : new TextDecoder().decode(json);
      const body = `{"status":"success","data":${text},"warnings":["ü"]}`;
      expect([answer.headers.get('content-length'), await answer.text()]).toEqual([String(new TextEncoder().encode(body).length), body]);
    }
  });

  test('a streamed answer is the same text whatever its length', async () => {
    const pieces = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i} é世😀,`);
    for (const count of [0, 1, 100, 50_000]) {
      const body = await streamed(successText(pieces(count), { infos: ['last'] })).text();
      expect(body).toBe(`{"status":"success","data":${pieces(count).join('')},"infos":["last"]}`);
    }
  });

  test('a large matrix leaves in chunks, made as they are taken', async () => {
    const steps = 1000;
    const timestampsMs = Float64Array.from({ length: steps }, (_, i) => 1_700_000_000_000 + i * 1000);
    let made = 0;
    const series = (function* (): Generator<MatrixSeries> {
      for (let i = 0; i < 1000; i++) {
        made++;
        yield { labels: ['i', String(i)], timestampsMs, values: timestampsMs.map((time) => (time % 7919) / 3 + i), present: undefined, histograms: undefined };
      }
    })();
    const value = { kind: 'matrix', series: { [Symbol.iterator]: () => series } as unknown as readonly MatrixSeries[] } as const;
    const result = { value, annotations: { warnings: [], infos: [] }, stats: { totalQueryableSamples: 0, samplesRead: 0, seriesRead: 0, peakSamples: 0 } };
    const reader = streamed(successText(queryData(result), {})).body!.getReader();
    let bytes = 0;
    let longest = 0;
    let seriesAhead = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      bytes += read.value.length;
      longest = Math.max(longest, read.value.length);
      seriesAhead = Math.max(seriesAhead, made - bytes / 29_000);
    }
    expect(made).toBe(1000);
    expect(bytes).toBeGreaterThan(25_000_000);
    expect(longest).toBeLessThan(640 * 1024);
    expect(seriesAhead).toBeLessThan(100);
  });

  test('an error in the first piece is still an error answer', () => {
    function* fails(): Generator<string> {
      yield 'a';
      throw new VarveError('execution', 'late');
    }
    expect(() => streamed(fails())).toThrow('late');
  });

  test('a client that goes away ends the making of the answer', async () => {
    let made = 0;
    let isClosed = false;
    function* endless(): Generator<string> {
      try {
        for (;;) {
          made++;
          yield 'x'.repeat(1000);
        }
      } finally {
        isClosed = true;
      }
    }
    const reader = streamed(endless()).body!.getReader();
    await reader.read();
    await reader.cancel();
    expect(made).toBeLessThan(2000);
    expect(isClosed).toBe(true);
  });
});
