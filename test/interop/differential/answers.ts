import { type AnswerSeries, parseAnswer } from '../../bench/prometheus-api.ts';
import { http, keepAliveAgent } from '../../processes/http.ts';
import { histogramSeries } from './answer-histograms.ts';
import type { Query } from './random-queries.ts';

/** What a server says to a query: an answer in one of the four types, or a refusal. */
export type Answer = DataAnswer | { readonly kind: 'error'; readonly errorType: string; readonly text: string };

export interface DataAnswer {
  readonly kind: 'data';
  readonly resultType: string;
  /** Of a histogram, several: one for its count, one for its sum, one for each bucket. */
  readonly series: readonly AnswerSeries[];
  /** Warnings and infos, sorted. */
  readonly notes: readonly string[];
}

interface Envelope {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result?: unknown };
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** Whoever answers queries. */
export interface Answering {
  ask(query: Query): Promise<Answer>;
}

/** A server under comparison. `translate` puts a query into the words of its version. */
export class AnsweringServer implements Answering {
  readonly #baseUrl: URL;
  readonly #agent: ReturnType<typeof keepAliveAgent>;
  readonly #translate: (expression: string) => string;

  constructor(baseUrl: URL, connections: number, translate: (expression: string) => string = (expression) => expression) {
    this.#baseUrl = baseUrl;
    this.#agent = keepAliveAgent(connections);
    this.#translate = translate;
  }

  close(): void {
    this.#agent.destroy();
  }

  async ask(query: Query): Promise<Answer> {
    const form = new URLSearchParams({ query: this.#translate(query.expression) });
    const isInstant = 'timeMs' in query;
    if (isInstant) form.set('time', seconds(query.timeMs));
    else for (const [name, timeMs] of [['start', query.startMs], ['end', query.endMs], ['step', query.stepMs]] as const) form.set(name, seconds(timeMs));
    const url = new URL(isInstant ? '/api/v1/query' : '/api/v1/query_range', this.#baseUrl);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    try {
      const { status, body } = await http({ method: 'POST', url, headers, body: form.toString(), agent: this.#agent });
      return readAnswer(status, body);
    } catch (error) {
      // Where a query makes it panic behind the engine's own safeguard, Prometheus hangs up.
      return { kind: 'error', errorType: 'no answer', text: error instanceof Error ? error.message : String(error) };
    }
  }
}

export function readAnswer(status: number, body: Buffer): Answer {
  const envelope = readEnvelope(body);
  if (envelope === undefined) return { kind: 'error', errorType: `status ${status}`, text: body.toString().slice(0, 500) };
  if (envelope.data === undefined) return { kind: 'error', errorType: envelope.errorType ?? '', text: envelope.error ?? '' };
  const { data, warnings = [], infos = [] } = envelope;
  if (data.resultType === 'string') return { kind: 'data', resultType: 'string', series: [{ key: JSON.stringify(data.result), points: [] }], notes: [] };
  const series = [...parseAnswer(body).filter(({ points }) => points.length > 0), ...histogramSeries(data)];
  return { kind: 'data', resultType: data.resultType, series, notes: [...warnings, ...infos].toSorted() };
}

function readEnvelope(body: Buffer): Envelope | undefined {
  try {
    return JSON.parse(body.toString()) as Envelope;
  } catch {
    return undefined;
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
