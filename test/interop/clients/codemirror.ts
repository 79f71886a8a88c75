import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Check, expectEqual, expectThat } from './check.ts';
import { HOSTS } from './client-data.ts';

/**
 * The editor of Prometheus' and Grafana's query pages. It pins another version of the grammar than this project's own tests use, so it is
 * installed apart from them, in a folder that goes with the test.
 */
const PACKAGES = ['@prometheus-io/codemirror-promql@0.314.0'];

interface Client {
  labelNames(metricName?: string): Promise<string[]>;
  labelValues(labelName: string, metricName?: string): Promise<string[]>;
  metricMetadata(): Promise<Record<string, { readonly type: string }[]>>;
  series(metricName: string): Promise<Map<string, string>[]>;
  metricNames(): Promise<string[]>;
  flags(): Promise<Record<string, string>>;
}

interface ClientConfig {
  readonly url: string;
  readonly httpMethod?: 'GET' | 'POST';
  readonly httpErrorHandler?: (error: unknown) => void;
}

interface Completion {
  readonly options: readonly { readonly label: string; readonly detail?: string }[];
}

/** The parts of the packages that are used. */
interface Editor {
  readonly HTTPPrometheusClient: new (config: ClientConfig) => Client;
  readonly promQL: { promQL(context: unknown): Promise<Completion | null> | Completion | null };
  readonly contextAt: (text: string) => unknown;
}

/** `undefined`, and a plain word on it, where the packages cannot be had. */
export function codemirrorChecks(folder: string, baseUrl: URL, say: (line: string) => void): Check[] | undefined {
  const url = baseUrl.origin;
  let editor: Editor;
  try {
    editor = install(join(folder, 'codemirror'), url);
  } catch (error) {
    say(`codemirror-promql cannot be installed: skipped (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
    return undefined;
  }
  const ofMethod = (httpMethod: 'GET' | 'POST'): Check[] => {
    const failures: unknown[] = [];
    const client = new editor.HTTPPrometheusClient({ url, httpMethod, httpErrorHandler: (error) => failures.push(error) });
    const check = (name: string, body: () => Promise<void>): Check => ({
      name: `${name} by ${httpMethod}`,
      run: async () => {
        failures.length = 0;
        await body();
        expectEqual(failures.map(String), [], 'failures');
      },
    });
    return [
      check('metric names', async () => expectEqual((await client.metricNames()).filter((name) => name.startsWith('client_')), ['client_latency_seconds', 'client_requests_total'], 'names')),
      check('label names of a metric', async () => expectEqual(await client.labelNames('client_requests_total'), ['__name__', 'host'], 'names')),
      check('label names of all', async () => expectThat((await client.labelNames()).includes('host'), 'host is missing')),
      check('label values of a metric', async () => expectEqual(await client.labelValues('host', 'client_requests_total'), [...HOSTS], 'values')),
      check('series', async () => expectThat((await client.series('client_requests_total')).length === HOSTS.length, 'not every series')),
      check('metadata', async () => expectThat(typeof (await client.metricMetadata()) === 'object', 'no object')),
      check('flags', async () => expectThat(Object.keys(await client.flags()).length > 0, 'no flags')),
    ];
  };
  return [
    ...ofMethod('GET'),
    ...ofMethod('POST'),
    {
      name: 'an error is read',
      run: async () => {
        const failures: unknown[] = [];
        const client = new editor.HTTPPrometheusClient({ url, httpErrorHandler: (error) => failures.push(error) });
        expectEqual(await client.labelNames('{'), [], 'names');
        expectThat(failures.length === 1 && /parse error/.test(String(failures[0])), `got ${String(failures[0])}`);
      },
    },
    {
      name: 'completion of a metric, a label and a value',
      run: async () => {
        const labels = async (text: string): Promise<string[]> => ((await editor.promQL.promQL(editor.contextAt(text)))?.options ?? []).map(({ label }) => label);
        expectThat((await labels('client_req')).includes('client_requests_total'), 'the metric is not offered');
        expectThat((await labels('sum by (')).includes('host'), 'the label is not offered');
        expectEqual((await labels('client_requests_total{host="')).filter((label) => HOSTS.includes(label as 'a')), [...HOSTS], 'values');
      },
    },
  ];
}

function install(folder: string, url: string): Editor {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...PACKAGES], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 });
  const load = createRequire(join(folder, 'package.json'));
  const { PromQLExtension, newCompleteStrategy } = load('@prometheus-io/codemirror-promql') as {
    PromQLExtension: new () => { asExtension(): unknown };
    newCompleteStrategy: (conf: { remote: ClientConfig }) => Editor['promQL'];
  };
  const { HTTPPrometheusClient } = load('@prometheus-io/codemirror-promql/dist/cjs/client/prometheus.js') as Pick<Editor, 'HTTPPrometheusClient'>;
  const { EditorState } = load('@codemirror/state') as { EditorState: { create(config: { doc: string; extensions: unknown }): unknown } };
  const { CompletionContext } = load('@codemirror/autocomplete') as { CompletionContext: new (state: unknown, position: number, isExplicit: boolean) => unknown };
  const contextAt = (text: string): unknown => new CompletionContext(EditorState.create({ doc: text, extensions: new PromQLExtension().asExtension() }), text.length, true);
  return { HTTPPrometheusClient, promQL: newCompleteStrategy({ remote: { url } }), contextAt };
}
