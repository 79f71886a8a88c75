import { http, type HttpAnswer } from '../../processes/http.ts';
import { type Check, expectEqual, expectThat } from './check.ts';
import { HOSTS, STEP_MS, type ClientData } from './client-data.ts';

type Form = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** Grafana's Prometheus data source in the calls that it makes: methods, headers and parameters as its code has them. */
class Grafana {
  readonly #base: URL;

  constructor(base: URL) {
    this.#base = base;
  }

  /** The backend's client: a form by default, compressed answers accepted. */
  async post(path: string, form: Form): Promise<unknown> {
    const answer = await http({ method: 'POST', url: new URL(path, this.#base), headers: this.#headers({ 'content-type': 'application/x-www-form-urlencoded' }), body: encode(form) });
    return dataOf(answer, path);
  }

  /** The resource proxy, which only reads. */
  async get(path: string, form: Form = {}): Promise<unknown> {
    return dataOf(await http({ method: 'GET', url: this.#url(path, form), headers: this.#headers({}) }), path);
  }

  /** Resources of the kind that Grafana posts first, and asks again by GET when that is answered with 405 or 400. */
  async resource(path: string, form: Form): Promise<unknown> {
    const answer = await http({ method: 'POST', url: new URL(path, this.#base), headers: this.#headers({ 'content-type': 'application/x-www-form-urlencoded' }), body: encode(form) });
    return answer.status === 405 || answer.status === 400 ? this.get(path, form) : dataOf(answer, path);
  }

  async status(method: 'GET' | 'POST', path: string, form: Form = {}): Promise<number> {
    return (await http({ method, url: this.#url(path, form), headers: this.#headers({}) })).status;
  }

  #url(path: string, form: Form): URL {
    return new URL(`${path}?${encode(form)}`, this.#base);
  }

  #headers(more: Readonly<Record<string, string>>): Record<string, string> {
    return { 'user-agent': 'Grafana/12', 'x-datasource-uid': 'varve', 'x-grafana-org-id': '1', ...more };
  }
}

function encode(form: Form): string {
  return new URLSearchParams(Array.isArray(form) ? (form as [string, string][]) : { ...(form as Record<string, string>) }).toString();
}

function dataOf(answer: HttpAnswer, path: string): unknown {
  const text = answer.body.toString();
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 300)}`);
  return (JSON.parse(text) as { data: unknown }).data;
}

interface Matrix {
  readonly resultType: string;
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values?: readonly (readonly [number, string])[];
    readonly histograms?: readonly (readonly [number, { readonly count: string; readonly buckets: readonly (readonly [number, string, string, string])[] }])[];
  }[];
}

export function grafanaChecks(baseUrl: URL, { startMs, endMs }: ClientData): Check[] {
  const grafana = new Grafana(baseUrl);
  const seconds = (timeMs: number): string => String(timeMs / 1000);
  const range = { start: seconds(startMs), end: seconds(endMs) };
  const step = String(STEP_MS / 1000);
  return [
    {
      name: 'save and test: 1+1 at 4 s, then buildinfo',
      run: async () => {
        expectEqual(await grafana.post('/api/v1/query', { query: '1+1', time: '4' }), { resultType: 'scalar', result: [4, '2'] }, 'query');
        const info = (await grafana.get('/api/v1/status/buildinfo')) as Record<string, unknown>;
        expectThat(/^3\.\d+\.\d+$/.test(String(info['version'])), `version is ${String(info['version'])}`);
        // A features map in buildinfo means to Grafana that this is Mimir, with a ruler.
        expectThat(!('features' in info), 'buildinfo has features');
      },
    },
    {
      name: 'a panel: query_range by POST',
      run: async () => {
        const data = (await grafana.post('/api/v1/query_range', { query: 'sum by (host) (rate(client_requests_total[1m]))', ...range, step })) as Matrix;
        expectEqual([data.resultType, data.result.map(({ metric }) => metric['host'])], ['matrix', [...HOSTS]], 'series');
        expectEqual(data.result.map(({ values }) => Number(values!.at(-1)![1]).toFixed(6)), ['1.000000', '2.000000', '3.000000'], 'rates');
      },
    },
    {
      name: 'a heatmap from native histograms',
      run: async () => {
        const data = (await grafana.post('/api/v1/query_range', { query: 'sum(increase(client_latency_seconds[1m]))', ...range, step })) as Matrix;
        const [, histogram] = data.result[0]!.histograms!.at(-1)!;
        expectEqual(histogram.buckets.map(([rule, low, high]) => [rule, low, high]), [[0, '1', '2'], [0, '2', '4']], 'buckets');
        expectThat(Math.abs(Number(histogram.count) - 12) < 1e-6, `count is ${histogram.count}`);
      },
    },
    {
      name: 'exemplars',
      run: async () => {
        const data = (await grafana.post('/api/v1/query_exemplars', { query: 'rate(client_requests_total[1m])', ...range })) as {
          seriesLabels: Record<string, string>;
          exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
        }[];
        expectEqual(data.map(({ seriesLabels }) => seriesLabels['host']), [...HOSTS], 'series');
        expectEqual(data[0]!.exemplars, [{ labels: { trace_id: 'trace-a' }, value: '1', timestamp: (endMs - STEP_MS) / 1000 }], 'exemplars of the first');
      },
    },
    {
      name: 'resources with a limit of 40000: labels, label values, series',
      run: async () => {
        const form = { limit: '40000', ...range };
        expectEqual(await grafana.resource('/api/v1/labels', [...Object.entries(form), ['match[]', '{__name__!=""}']]), ['__name__', 'host'], 'labels');
        expectEqual(await grafana.get('/api/v1/label/host/values', form), [...HOSTS], 'values');
        expectEqual(await grafana.get('/api/v1/label/U______name____/values', form), ['client_latency_seconds', 'client_requests_total'], 'values of an escaped name');
        const series = (await grafana.resource('/api/v1/series', [...Object.entries(form), ['match[]', '{__name__!=""}']])) as unknown[];
        expectEqual(series.length, HOSTS.length + 1, 'series');
      },
    },
    {
      name: 'a variable by query_result()',
      run: async () => {
        const data = (await grafana.post('/api/v1/query', { query: 'topk(1, client_requests_total)', time: seconds(endMs) })) as { result: { metric: Record<string, string> }[] };
        expectEqual(data.result.map(({ metric }) => metric['host']), ['c'], 'the largest');
      },
    },
    {
      name: 'GET-only resources: metadata, targets, rules, alerts, alertmanagers, status, notifications',
      run: async () => {
        for (const path of ['metadata', 'targets', 'targets/metadata', 'rules', 'alerts', 'alertmanagers', 'notifications']) await grafana.get(`/api/v1/${path}`);
        for (const path of ['config', 'flags', 'runtimeinfo', 'tsdb', 'walreplay']) await grafana.get(`/api/v1/status/${path}`);
        // The fall-back to GET hangs on this.
        expectEqual(await grafana.status('POST', '/api/v1/metadata'), 405, 'POST of metadata');
      },
    },
    {
      name: 'alert pages: rules and alerts are lists; no ruler is announced',
      run: async () => {
        expectEqual(await grafana.get('/api/v1/rules', { type: 'alert' }), { groups: [] }, 'rules');
        expectEqual(await grafana.get('/api/v1/alerts'), { alerts: [] }, 'alerts');
      },
    },
    {
      name: 'incremental querying: only the tail of a panel',
      run: async () => {
        const tail = { start: seconds(endMs - 2 * STEP_MS), end: seconds(endMs), step };
        const data = (await grafana.post('/api/v1/query_range', { query: 'client_requests_total{host="a"}', ...tail })) as Matrix;
        expectEqual(data.result[0]!.values!.map(([, value]) => value), ['555', '570', '585'], 'values');
      },
    },
  ];
}
