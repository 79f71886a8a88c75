import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { firstDifference } from '../../bench/compare-answers.ts';
import { Promtool } from '../promtool.ts';
import { type Check, expectThat } from './check.ts';
import { STEP_MS, type ClientData } from './client-data.ts';

/** Floats only: Debian's Prometheus (2.42) leaves native histograms out of what it reads remotely. */
const EXPRESSIONS = ['client_requests_total', 'rate(client_requests_total[1m])', 'sum by (host) (increase(client_requests_total{host!="b"}[5m]))', 'count({__name__=~"client_.+_total"})', 'absent(client_nothing)'];

/** A Prometheus that holds nothing and reads Varve over remote read: it must answer what Varve answers. */
export async function remoteReadChecks(sandbox: Sandbox, prometheus: string, promtool: string, baseUrl: URL, { startMs, endMs }: ClientData): Promise<Check[]> {
  const port = await freePort();
  const configFile = join(sandbox.folder, 'remote-read.yml');
  writeFileSync(configFile, JSON.stringify({ remote_read: [{ url: new URL('/api/v1/read', baseUrl).href, read_recent: true }] }));
  const readerUrl = new URL(`http://127.0.0.1:${port}`);
  await sandbox.start({
    name: 'prometheus',
    command: prometheus,
    args: [`--config.file=${configFile}`, `--storage.tsdb.path=${sandbox.makeFolder('remote-read')}`, `--web.listen-address=127.0.0.1:${port}`, '--enable-feature=native-histograms', '--log.level=warn'],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'remote-read.log'),
    readyUrl: new URL('/-/ready', readerUrl),
  });
  const [reader, varve] = [new Promtool(promtool, readerUrl), new Promtool(promtool, baseUrl)];
  // Between two scrapes: at a sample's own time, old and new versions differ on whether a range holds its left end.
  const shift = 7_000;
  const range = { startMs: startMs + 300_000 + shift, endMs: endMs - STEP_MS + shift, stepMs: STEP_MS };
  return EXPRESSIONS.map((expression) => ({
    name: expression,
    run: async () => {
      const [wanted, got] = await Promise.all([reader.range(expression, range), varve.range(expression, range)]);
      expectThat(wanted.length > 0, 'Prometheus read nothing');
      const difference = firstDifference(wanted, got, 1e-9);
      expectThat(difference === undefined, difference ?? '');
    },
  }));
}
