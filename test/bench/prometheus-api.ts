import { http, keepAliveAgent } from '../processes/http.ts';
import { sleep } from '../processes/sleep.ts';

/** One series of an answer: its labels as sorted text, and its points as seconds and value. */
export interface AnswerSeries {
  readonly key: string;
  readonly points: readonly (readonly [timestampSeconds: number, value: number])[];
}

export interface InstantQuery {
  readonly expression: string;
  readonly timeMs: number;
}

export interface RangeQuery {
  readonly expression: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

const POLL_MS = 200;

/** The reading half of the Prometheus HTTP API, over one kept-alive connection. */
export class PrometheusApi {
  readonly #baseUrl: URL;
  readonly #agent = keepAliveAgent(1);

  constructor(baseUrl: URL) {
    this.#baseUrl = baseUrl;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The raw bytes of an answer: what a benchmark waits for. */
  async fetch(query: InstantQuery | RangeQuery): Promise<Buffer> {
    const form = new URLSearchParams({ query: query.expression });
    if ('timeMs' in query) {
      form.set('time', seconds(query.timeMs));
    } else {
      form.set('start', seconds(query.startMs));
      form.set('end', seconds(query.endMs));
      form.set('step', seconds(query.stepMs));
    }
    const url = new URL('timeMs' in query ? '/api/v1/query' : '/api/v1/query_range', this.#baseUrl);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await http({ method: 'POST', url, headers, body: form.toString(), agent: this.#agent });
    if (answer.status !== 200) throw new Error(`${query.expression}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
    return answer.body;
  }

  /** The value of an instant query with one answer; NaN where it has none. */
  async single(query: InstantQuery): Promise<number> {
    return parseAnswer(await this.fetch(query))[0]?.points[0]?.[1] ?? Number.NaN;
  }

  /** Asks again until the answer is the expected one. What was acknowledged need not be visible at once everywhere. */
  async singleBecomes(query: InstantQuery, expected: number, limitMs: number): Promise<number> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const value = await this.single(query);
      if (value === expected || performance.now() > deadlineMs) return value;
      await sleep(POLL_MS);
    }
  }
}

export function parseAnswer(body: Buffer): AnswerSeries[] {
  const { data } = JSON.parse(body.toString()) as ApiAnswer;
  if (data.resultType === 'scalar') return [{ key: 'scalar', points: [toPoint(data.result)] }];
  return data.result.map((series) => ({
    key: JSON.stringify(Object.entries(series.metric).sort(([a], [b]) => (a < b ? -1 : 1))),
    points: (series.values ?? (series.value === undefined ? [] : [series.value])).map(toPoint),
  }));
}

type ApiPoint = readonly [timestampSeconds: number, value: string];

/** The part of the envelope that is read here; what does not look like it ends in a TypeError, and that ends the benchmark. */
interface ApiAnswer {
  readonly data:
    | { readonly resultType: 'scalar'; readonly result: ApiPoint }
    | {
        readonly resultType: 'vector' | 'matrix';
        readonly result: readonly ApiSeries[];
      };
}

/** `value` at one instant, `values` over a range. */
interface ApiSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: ApiPoint;
  readonly values?: readonly ApiPoint[];
}

function toPoint([timestampSeconds, text]: ApiPoint): readonly [number, number] {
  if (text === '+Inf') return [timestampSeconds, Number.POSITIVE_INFINITY];
  if (text === '-Inf') return [timestampSeconds, Number.NEGATIVE_INFINITY];
  return [timestampSeconds, Number(text)];
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
