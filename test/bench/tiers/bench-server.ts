import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import { http, keepAliveAgent } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { flagsOfV8 } from '../../processes/flags-of-v8.ts';
import { ProcessTree } from '../process-tree.ts';
import { HeapProbe, type HeapGrowth } from './heap-probe.ts';

const PROJECT_FOLDER = fileURLToPath(new URL('../../../', import.meta.url).href);

/** The Worker of bench-worker.ts, running, with the archive on. */
export class BenchServer {
  readonly baseUrl: URL;
  readonly processes: ProcessTree;
  readonly #agent = keepAliveAgent(1);
  readonly #inspectorPort: number;

  private constructor(baseUrl: URL, pid: number, inspectorPort: number) {
    this.baseUrl = baseUrl;
    this.#inspectorPort = inspectorPort;
    this.processes = new ProcessTree(pid);
  }

  static async start(sandbox: Sandbox): Promise<BenchServer> {
    const port = await freePort();
    const inspectorPort = await freePort();
    const baseUrl = new URL(`http://127.0.0.1:${port}`);
    const folder = sandbox.makeFolder(`tiers-${port}`);
    const server = await sandbox.start({
      name: 'varve',
      command: process.execPath,
      args: [join(PROJECT_FOLDER, 'test/bench/tiers/serve-bench.ts')],
      env: { PORT: String(port), HOST: '127.0.0.1', DATA_DIR: folder, VARVE_ARCHIVE: 'on', VARVE_INSPECTOR_PORT: String(inspectorPort), MINIFLARE_WORKERD_V8_FLAGS: flagsOfV8('--expose-gc') },
      folder: PROJECT_FOLDER,
      logFile: join(sandbox.folder, `tiers-${port}.log`),
      readyUrl: new URL('/-/ready', baseUrl),
    });
    return new BenchServer(baseUrl, server.pid, inspectorPort);
  }

  /** The JSON of an answer, which must be one of success, and how long it took (ms). */
  async ask(path: string, parameters: Readonly<Record<string, string | number>> = {}): Promise<{ readonly json: unknown; readonly tookMs: number }> {
    const pairs = Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]);
    const url = new URL(`${path}?${new URLSearchParams(pairs).toString()}`, this.baseUrl);
    const startMs = performance.now();
    const answer = await http({ method: 'GET', url, agent: this.#agent });
    const tookMs = performance.now() - startMs;
    if (answer.status !== 200) throw new Error(`${url.pathname}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
    return { json: JSON.parse(answer.body.toString()), tookMs };
  }

  /** What the isolate's heap takes more while something is done. */
  async heapGrowth(work: () => Promise<unknown>): Promise<HeapGrowth> {
    const probe = await HeapProbe.connect(this.#inspectorPort);
    try {
      return await probe.growth(work);
    } finally {
      probe.close();
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
