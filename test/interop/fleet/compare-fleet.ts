import { isDeepStrictEqual } from 'node:util';
import { http } from '../../processes/http.ts';
import { countersOf } from './counters.ts';
import type { FleetPrometheus } from './fleet-prometheus.ts';
import { readSamples, STALE } from './read-samples.ts';

/** What remote read found of all metrics, compared. */
interface Differences {
  samples: number;
  stale: number;
  series: number;
  missing: number;
  /** In Varve and not where they came from. */
  extra: number;
  /** Of another value. */
  other: number;
  readonly examples: string[];
}

const EXAMPLES_MAX = 8;
/** How far back PromQL looks at each: raw samples, and their number. */
const RAW_SECONDS_MAX = 60;
const COUNT_SECONDS_MAX = 300;
/** Moments, as shares of the run, about which PromQL is asked. */
const MOMENTS = [0.25, 0.5, 0.75, 0.95];
const SENT = ['samples', 'histograms'] as const;

/** Everything that is wrong between a Prometheus and what Varve has of it, up to a time (Unix ms). */
export async function compareFleet(prometheus: FleetPrometheus, varveUrl: URL, endMs: number, say: (line: string) => void): Promise<string[]> {
  const names = (await ask(prometheus.baseUrl, '/api/v1/label/__name__/values', {})) as string[];
  const found: Differences = { samples: 0, stale: 0, series: 0, missing: 0, extra: 0, other: 0, examples: [] };
  for (const name of names) {
    const matchers = { __name__: name, fleet: prometheus.name };
    const [theirs, ours] = await Promise.all([prometheus.baseUrl, varveUrl].map((url) => readSamples(url, matchers, prometheus.startMs, endMs)));
    compareSamples(theirs!, ours!, found);
  }
  const look = await countersOf(prometheus.baseUrl);
  const counted = (outcome: string): number => SENT.reduce((sum, kind) => sum + look(`prometheus_remote_storage_${kind}_${outcome}_total`), 0);
  const [failed, dropped, retried] = ['failed', 'dropped', 'retried'].map(counted) as [number, number, number];
  say(`${prometheus.name}: ${found.samples} samples of ${found.series} series and ${names.length} metrics, ${found.stale} stale markers; ${found.missing} missing; ${failed} failed, ${dropped} dropped, ${retried} retried`);
  const problems = failed + dropped > 0 ? [] : [...(await promqlProblems(prometheus, varveUrl, names, endMs)), ...(await exemplarProblems(prometheus, varveUrl, endMs))];
  if (found.samples === 0) problems.push('it has nothing: that tests nothing');
  // A request whose answer was lost, and which the rate limit met when it came again, has failed and is there all the same.
  const isExplained = found.missing <= failed + dropped && (found.missing > 0) === failed + dropped > 0;
  if (!isExplained || found.extra > 0 || found.other > 0) {
    problems.push(`${found.missing} samples are missing where ${failed} failed and ${dropped} were dropped, ${found.extra} are there too much, ${found.other} are others\n       ${found.examples.join('\n       ')}`);
  }
  return problems;
}

function compareSamples(theirs: Map<string, Map<number, string>>, ours: Map<string, Map<number, string>>, found: Differences): void {
  const example = (what: string, series: string, timestampMs: number, values: string): void => {
    if (found.examples.length < EXAMPLES_MAX) found.examples.push(`${what}: ${series.replaceAll('\u0001', ' ')} at ${timestampMs}: ${values}`);
  };
  for (const [key, samples] of theirs) {
    found.series++;
    const own = ours.get(key) ?? new Map<number, string>();
    for (const [timestampMs, value] of samples) {
      found.samples++;
      if (value === STALE) found.stale++;
      const got = own.get(timestampMs);
      if (got === value) continue;
      if (got === undefined) found.missing++;
      else found.other++;
      example(got === undefined ? 'missing' : 'other', key, timestampMs, `want ${value}, got ${got}`);
    }
  }
  for (const [key, samples] of ours) {
    const own = theirs.get(key);
    for (const [timestampMs, value] of samples) {
      if (own?.has(timestampMs) === true) continue;
      found.extra++;
      example('extra', key, timestampMs, value);
    }
  }
}

/** Raw samples and counts, as PromQL has them. */
async function promqlProblems({ baseUrl, name: fleet, startMs }: FleetPrometheus, varveUrl: URL, names: readonly string[], endMs: number): Promise<string[]> {
  const problems: string[] = [];
  for (const name of names) {
    for (const share of MOMENTS) {
      const timeMs = Math.round(startMs + share * (endMs - startMs));
      const seconds = (max: number): number => Math.min(max, Math.floor((timeMs - startMs) / 1000));
      for (const query of [(matchers: string) => `{${matchers}}[${seconds(RAW_SECONDS_MAX)}s]`, (matchers: string) => `count_over_time({${matchers}}[${seconds(COUNT_SECONDS_MAX)}s])`]) {
        const time = String(timeMs / 1000);
        const [theirs, ours] = await Promise.all([
          ask(baseUrl, '/api/v1/query', { query: query(`__name__=${JSON.stringify(name)}`), time }).then(sortedResult),
          ask(varveUrl, '/api/v1/query', { query: query(`__name__=${JSON.stringify(name)},fleet="${fleet}"`), time }).then(sortedResult),
        ]);
        if (!isDeepStrictEqual(theirs, ours)) problems.push(`${query(name)} at ${time}: ${firstDifference(theirs, ours)}`);
      }
    }
  }
  return problems.length > EXAMPLES_MAX ? [...problems.slice(0, EXAMPLES_MAX), `and ${problems.length - EXAMPLES_MAX} other queries`] : problems;
}

/** The exemplars of every series that has some. */
async function exemplarProblems({ baseUrl, name: fleet, startMs }: FleetPrometheus, varveUrl: URL, endMs: number): Promise<string[]> {
  const form = (matchers: string): Record<string, string> => ({ query: `{${matchers}}`, start: String(startMs / 1000), end: String(endMs / 1000) });
  const [theirs, ours] = await Promise.all([
    ask(baseUrl, '/api/v1/query_exemplars', form('__name__=~".+"')).then(sortedExemplars),
    ask(varveUrl, '/api/v1/query_exemplars', form(`__name__=~".+",fleet="${fleet}"`)).then(sortedExemplars),
  ]);
  return isDeepStrictEqual(theirs, ours) ? [] : [`exemplars: ${firstDifference(theirs, ours)}`];
}

function sortedExemplars(data: unknown): string[] {
  return (data as { seriesLabels: Record<string, string>; exemplars: { labels: Record<string, string>; value: string; timestamp: number }[] }[])
    .flatMap(({ seriesLabels: { fleet: _, ...series }, exemplars }) =>
      exemplars.map(({ labels, value, timestamp }) => JSON.stringify([Object.entries(series).sort(), timestamp, Object.entries(labels).sort(), value])),
    )
    .sort();
}

function firstDifference(wanted: readonly string[], got: readonly string[]): string {
  const index = wanted.findIndex((series, place) => series !== got[place]);
  if (index < 0) return `${got.length} of them, want ${wanted.length}`;
  const [theirs, ours] = [wanted[index]!, got[index] ?? 'nothing'];
  let from = 0;
  while (theirs[from] === ours[from]) from++;
  return `want ${theirs.slice(0, 200)} … ${theirs.slice(Math.max(0, from - 20), from + 60)}, got … ${ours.slice(Math.max(0, from - 20), from + 60)}`;
}

function sortedResult(data: unknown): string[] {
  const { result } = data as { result: { metric: Record<string, string> }[] };
  return result
    .map(({ metric: { fleet: _, ...metric }, ...rest }) => JSON.stringify([Object.entries(metric).sort(), rest]))
    .sort();
}

async function ask(baseUrl: URL, path: string, form: Readonly<Record<string, string>>): Promise<unknown> {
  const url = new URL(`${path}?${new URLSearchParams(form).toString()}`, baseUrl);
  const { status, body } = await http({ method: 'GET', url });
  if (status !== 200) throw new Error(`${url.href} answered ${status}: ${body.toString().slice(0, 300)}`);
  return (JSON.parse(body.toString()) as { data: unknown }).data;
}
