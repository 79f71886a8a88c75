import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { gunzipSync, gzipSync } from 'node:zlib';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { findTools, type Tools } from '../../interop/packages.ts';
import { freePort } from '../../processes/free-port.ts';
import { startNodeExporter } from '../../processes/node-exporter.ts';
import { http } from '../../processes/http.ts';
import { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { prometheusCommand } from '../peers.ts';
import { BackgroundLoad } from './background-load.ts';

/** Labels as name, value, name, value, …, sorted by name; timestamps rise, and are those that Prometheus gave the scrapes. */
export interface CapturedSeries {
  readonly labels: readonly string[];
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
}

export interface Capture {
  /** In words: what was captured, and how. */
  readonly title: string;
  readonly intervalMs: number;
  readonly series: readonly CapturedSeries[];
}

const PROGRESS_MS = 60_000;

/**
 * Lets Debian's prometheus scrape node_exporter and itself `scrapeCount` times, and reads everything back out of it. Between scrapes the
 * machine is kept busy (background-load.ts): at a short interval an idle one would hardly move, which every codec likes.
 */
export async function captureScrapes(options: { intervalMs: number; scrapeCount: number; seed: number }, say: (line: string) => void): Promise<Capture> {
  const tools = findTools();
  if ('missing' in tools) throw new Error(`not installed: ${tools.missing.join(', ')} (Debian and Ubuntu have packages of these names)`);
  const { intervalMs, scrapeCount, seed } = options;
  const sandbox = new Sandbox('capture');
  try {
    const { url, targets } = await startScraping(sandbox, tools, intervalMs);
    const load = new BackgroundLoad({ seed, folder: sandbox.folder, urls: targets });
    load.start();
    for (let left = scrapeCount; left > 0; left = scrapeCount - (await scrapesSoFar(url))) {
      say(`capturing: ${left} of ${scrapeCount} scrapes, ${intervalMs} ms apart, to go`);
      await sleep(Math.min(left * intervalMs, PROGRESS_MS) + intervalMs);
    }
    await load.stop();
    const series = await readAll(url, Date.now());
    return {
      title: `node_exporter and Prometheus itself, ${series.length} series, up to ${longest(series)} scrapes ${intervalMs} ms apart`,
      intervalMs,
      series,
    };
  } finally {
    await sandbox.close();
  }
}

export function writeCapture(path: string, capture: Capture): void {
  writeFileSync(path, gzipSync(serialize(capture)));
}

/** Only for files that `writeCapture` wrote on this machine: the format is the serializer's own. */
export function readCapture(path: string): Capture {
  return deserialize(gunzipSync(readFileSync(path))) as Capture;
}

/** Every `stride`-th scrape: the same machine, asked less often. */
export function thinned(capture: Capture, stride: number): Capture {
  const pick = (column: Float64Array): Float64Array => column.filter((_, i) => i % stride === 0);
  const series = capture.series.map(({ labels, timestampsMs, values }) => ({ labels, timestampsMs: pick(timestampsMs), values: pick(values) }));
  const intervalMs = capture.intervalMs * stride;
  return { title: `of these every ${stride}th scrape, ${intervalMs} ms apart`, intervalMs, series };
}

/** Names and values in turn, in the order that Varve has them. */
export function labelsOf({ labels }: CapturedSeries): Labels {
  return labelsFrom(Array.from({ length: labels.length / 2 }, (_, i) => [labels[i * 2]!, labels[i * 2 + 1]!]));
}

export function sampleCountOf(series: readonly CapturedSeries[]): number {
  return series.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
}

/** How many of the samples have the value of the one before: what makes data small, whoever stores it. */
export function shareAtRest(series: readonly CapturedSeries[]): number {
  let resting = 0;
  for (const { values } of series) for (let i = 1; i < values.length; i++) if (Object.is(values[i], values[i - 1])) resting++;
  return resting / sampleCountOf(series);
}

async function startScraping(sandbox: Sandbox, tools: Tools, intervalMs: number): Promise<{ url: URL; targets: readonly URL[] }> {
  const nodeUrl = new URL(`http://127.0.0.1:${await startNodeExporter(sandbox, tools.nodeExporter)}/metrics`);
  const port = await freePort();
  const url = new URL(`http://127.0.0.1:${port}`);
  const config = {
    global: { scrape_interval: `${intervalMs}ms`, scrape_timeout: `${intervalMs}ms` },
    scrape_configs: [
      { job_name: 'node', static_configs: [{ targets: [nodeUrl.host] }] },
      { job_name: 'prometheus', static_configs: [{ targets: [url.host] }] },
    ],
  };
  const folder = sandbox.makeFolder('prometheus');
  await sandbox.start(prometheusCommand(tools.prometheus, port, folder, join(sandbox.folder, 'prometheus.log'), config));
  return { url, targets: [nodeUrl, new URL('/metrics', url)] };
}

async function scrapesSoFar(url: URL): Promise<number> {
  const { result } = (await ask(url, '/api/v1/query', { query: 'min(count_over_time(up[1d]))' })) as {
    readonly result: readonly { readonly value: readonly [number, string] }[];
  };
  return Number(result[0]?.value[1] ?? 0);
}

/**
 * The samples of the last day of a server with Prometheus' API, metric by metric. What it cannot give back are stale markers, of which a
 * machine that stays up has hardly any.
 */
export async function readAll(url: URL, nowMs: number): Promise<CapturedSeries[]> {
  const time = String(Math.ceil(nowMs / 1000));
  const start = String(Math.floor(nowMs / 1000) - 86_400);
  const names = (await ask(url, '/api/v1/label/__name__/values', { start, end: time })) as string[];
  const found: CapturedSeries[] = [];
  for (const name of names) {
    const { result } = (await ask(url, '/api/v1/query', { query: `${name}[1d]`, time })) as {
      readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly values: readonly (readonly [number, string])[] }[];
    };
    for (const { metric, values } of result) {
      found.push({
        labels: Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)).flat(),
        timestampsMs: Float64Array.from(values, ([seconds]) => Math.round(seconds * 1000)),
        values: Float64Array.from(values, ([, text]) => (text.endsWith('Inf') ? Number(`${text}inity`) : Number(text))),
      });
    }
  }
  return found;
}

async function ask(url: URL, path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const answer = await http({ method: 'GET', url: new URL(`${path}?${new URLSearchParams(parameters).toString()}`, url) });
  if (answer.status !== 200) throw new Error(`prometheus: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
  return (JSON.parse(answer.body.toString()) as { readonly data: unknown }).data;
}

function longest(series: readonly CapturedSeries[]): number {
  return series.reduce((most, { timestampsMs }) => Math.max(most, timestampsMs.length), 0);
}
