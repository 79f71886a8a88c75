import { isDeepStrictEqual } from 'node:util';
import { http } from '../processes/http.ts';
import { sleep } from '../processes/sleep.ts';

/** How long senders may take for what they have. */
const DRAIN_MS = 20_000;

export interface Endpoint {
  readonly name: string;
  readonly url: URL;
}

/** Asks until both agree, since senders are still at work, and says how they differ when they do not come to. */
export async function difference(expression: string, timeSeconds: number, wanted: Endpoint, got: Endpoint): Promise<string | undefined> {
  const path = `/api/v1/query?${new URLSearchParams({ query: expression, time: String(timeSeconds) }).toString()}`;
  return untilSame(async () => {
    const [theirs, ours] = await Promise.all([wanted, got].map(async (endpoint) => sorted(((await json(endpoint, path)) as { result: object[] }).result)));
    if (theirs!.length === 0) return `${wanted.name} answers nothing: that tests nothing`;
    return isDeepStrictEqual(theirs, ours) ? undefined : `want ${JSON.stringify(theirs).slice(0, 600)}\n       got  ${JSON.stringify(ours).slice(0, 600)}`;
  });
}

function sorted(result: readonly object[]): string[] {
  return result.map((series) => JSON.stringify(series, (_, value: unknown) => (isPlain(value) ? Object.fromEntries(Object.entries(value).sort()) : value))).sort();
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export async function metadataDifference(wanted: Endpoint, got: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const [theirs, ours] = (await Promise.all([wanted, got].map((endpoint) => json(endpoint, '/api/v1/metadata')))) as [Record<string, object[]>, Record<string, object[]>];
    for (const name of ['interop_requests_total', 'interop_duration_seconds', 'interop_load']) {
      if (theirs[name] === undefined) return `${wanted.name} knows nothing of ${name}`;
      // vmagent sends none; Prometheus knows only its own target.
      if (!isDeepStrictEqual(theirs[name], ours[name])) return `${name}: want ${JSON.stringify(theirs[name])}, got ${JSON.stringify(ours[name])}`;
    }
    return undefined;
  });
}

/** As many exemplars have been stored as were sent; those that Prometheus sends again count again on both sides. */
export async function exemplarDifference(sender: Endpoint, receiver: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const sent = await metric(sender, 'prometheus_remote_storage_exemplars_total');
    const failed = (await metric(sender, 'prometheus_remote_storage_exemplars_failed_total')) + (await metric(sender, 'prometheus_remote_storage_histograms_failed_total'));
    const stored = await metric(receiver, 'varve_ingest_exemplars_total');
    if (sent === 0) return 'no exemplar was sent: that tests nothing';
    return failed === 0 && Math.abs(sent - stored) <= 1 ? undefined : `${sent} sent, ${failed} failed, ${stored} stored`;
  });
}

/** Says so when anything was sent by another version than 2.0, or was not taken. */
export async function otherVersion(sender: Endpoint, receiver: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const [samples, histograms, byOther, failed] = await Promise.all([
      metric(receiver, 'varve_ingest_samples_total{protocol="remote-write-v2"}'),
      metric(receiver, 'varve_ingest_histograms_total{protocol="remote-write-v2"}'),
      metric(receiver, 'varve_ingest_samples_total{protocol="remote-write-v1"}'),
      metric(sender, 'prometheus_remote_storage_samples_failed_total'),
    ]);
    const isRight = samples > 0 && histograms > 0 && byOther === 0 && failed === 0;
    return isRight ? undefined : `${samples} samples and ${histograms} histograms by 2.0, ${byOther} samples by 1.0, ${failed} failed`;
  });
}

/** The sum of a metric's samples, or of the one with labels, as they are printed. */
async function metric(endpoint: Endpoint, name: string): Promise<number> {
  const text = (await http({ method: 'GET', url: new URL('/metrics', endpoint.url) })).body.toString();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function json(endpoint: Endpoint, path: string): Promise<unknown> {
  const { status, body } = await http({ method: 'GET', url: new URL(path, endpoint.url) });
  if (status !== 200) throw new Error(`${endpoint.name}: ${status} ${body.toString().slice(0, 300)}`);
  return (JSON.parse(body.toString()) as { data: unknown }).data;
}

async function untilSame(compare: () => Promise<string | undefined>): Promise<string | undefined> {
  const deadlineMs = performance.now() + DRAIN_MS;
  for (;;) {
    const problem = await compare();
    if (problem === undefined || performance.now() > deadlineMs) return problem;
    await sleep(500);
  }
}
