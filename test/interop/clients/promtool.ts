import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { http } from '../../processes/http.ts';
import { Promtool } from '../promtool.ts';
import { type Check, expectEqual, expectThat } from './check.ts';
import { HOSTS, STEP_MS, type ClientData } from './client-data.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

/** Every subcommand of Debian's promtool that asks a server; what it writes goes to `folder`. */
export async function promtoolChecks(folder: string, path: string, baseUrl: URL, { startMs, endMs }: ClientData): Promise<Check[]> {
  const ask = async (...args: readonly string[]): Promise<string> => (await run(path, [...args], { cwd: folder, timeout: TIMEOUT_MS })).stdout;
  const server = baseUrl.href;
  const times = [`--start=${startMs / 1000}`, `--end=${endMs / 1000}`];
  const promtool = new Promtool(path, baseUrl);
  const checks: Check[] = [
    {
      name: 'query instant',
      run: async () => expectEqual((await promtool.instant('sum(client_requests_total)', endMs)).map(({ points }) => points[0]![1]), [39 * 15 * 6], 'sum'),
    },
    {
      name: 'query range',
      run: async () => expectEqual((await promtool.range('client_requests_total', { startMs, endMs, stepMs: STEP_MS })).map(({ points }) => points.length), [40, 40, 40], 'points'),
    },
    {
      name: 'query series',
      run: async () => {
        const lines = (await ask('query', 'series', '--match=client_requests_total', ...times, server)).trim().split('\n');
        expectEqual(lines, HOSTS.map((host) => `{__name__="client_requests_total", host="${host}"}`), 'series');
      },
    },
    {
      name: 'query labels',
      run: async () => expectEqual((await ask('query', 'labels', ...times, server, 'host')).trim().split('\n'), [...HOSTS], 'values'),
    },
    {
      name: 'check metrics of /metrics',
      run: async () => {
        const text = (await http({ method: 'GET', url: new URL('/metrics', baseUrl) })).body.toString();
        const child = run(path, ['check', 'metrics'], { timeout: TIMEOUT_MS });
        child.child.stdin!.end(text);
        await child;
      },
    },
    {
      name: 'debug metrics',
      run: async () => expectThat((await ask('debug', 'metrics', server)).length > 0, 'no output'),
    },
  ];
  // Newer versions than Debian's.
  const help = await ask('check', '--help').catch((error: unknown) => String(error));
  for (const subcommand of ['healthy', 'ready']) {
    if (help.includes(`check ${subcommand}`)) checks.push({ name: `check ${subcommand}`, run: async () => void (await ask('check', subcommand, `--url=${server}`)) });
  }
  return checks;
}
