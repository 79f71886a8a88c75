import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { http } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { buildGo } from '../go-build.ts';
import { checkAll, type OtlpTally } from './check-answers.ts';
import { expectationsOf, TEMPORALITIES } from './sdk-load.ts';

const COMPRESSIONS = ['none', 'gzip'] as const;
const RUN_MS_MAX = 60_000;
/** Metrics whose measurements become exemplars, and the trace that they were made in (go-sdk-source). */
const EXEMPLARS_OF = ['sdk_requests_total', 'sdk_latency_milliseconds_bucket', 'sdk_size_bytes'];
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** The Go SDK does what the JavaScript one does (sdk-load.ts), and exemplars besides. It is built from source by Go's module proxy; `VARVE_OTEL_GO_SDK` names one that is built. */
export async function runGoSdk(sandbox: Sandbox, baseUrl: URL, tally: OtlpTally, say: (line: string) => void): Promise<void> {
  const command = buildGo(sandbox, { name: 'otelsdk', folder: join(import.meta.dirname, 'go-sdk-source'), package: '.', variable: 'VARVE_OTEL_GO_SDK' });
  if ('missing' in command) {
    say(`skipped OpenTelemetry's Go SDK: ${command.missing}`);
    return;
  }
  for (const temporality of TEMPORALITIES) {
    for (const compression of COMPRESSIONS) {
      const instance = `go-${temporality}-${compression}`;
      const args = ['--url', new URL('/v1/metrics', baseUrl).href, '--temporality', temporality, '--compression', compression, '--instance', instance];
      await promisify(execFile)(command.path, args, { timeout: RUN_MS_MAX });
      await checkAll(expectationsOf({ temporality, instance }), instance, baseUrl, tally, say);
      await checkExemplars(instance, baseUrl, tally, say);
    }
  }
}

async function checkExemplars(instance: string, baseUrl: URL, tally: OtlpTally, say: (line: string) => void): Promise<void> {
  const url = new URL('/api/v1/query_exemplars', baseUrl);
  const nowS = Date.now() / 1000;
  for (const [name, value] of Object.entries({ query: `{instance="${instance}"}`, start: String(nowS - 600), end: String(nowS) })) url.searchParams.set(name, value);
  const answer = await http({ method: 'GET', url });
  const { data } = JSON.parse(answer.body.toString()) as { data: { seriesLabels: { __name__: string }; exemplars: { labels: { trace_id?: string } }[] }[] };
  for (const name of EXEMPLARS_OF) {
    const found = data.filter(({ seriesLabels }) => seriesLabels.__name__ === name).flatMap(({ exemplars }) => exemplars);
    if (found.length > 0 && found.every(({ labels }) => labels.trace_id === TRACE_ID)) tally.passed++;
    else {
      tally.failed++;
      say(`FAILED ${instance}: exemplars of ${name}: ${JSON.stringify(found).slice(0, 300)}`);
    }
  }
}
