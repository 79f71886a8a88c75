import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeers, type PeerName } from '../bench/peers.ts';
import { freePort } from '../processes/free-port.ts';
import { http } from '../processes/http.ts';
import { startNodeExporter } from '../processes/node-exporter.ts';
import type { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import type { Tools } from './packages.ts';

const QUIET_MS = 4_000;
const DRAIN_MS = 60_000;

/** The three servers: node_exporter ← Prometheus → the subject, which is Varve unless the test tests itself. */
export class Stack {
  readonly prometheusUrl: URL;
  readonly subjectUrl: URL;
  readonly nodeInstance: string;
  readonly #configFile: string;

  private constructor(prometheusPort: number, nodePort: number, subjectUrl: URL, configFile: string) {
    this.prometheusUrl = new URL(`http://127.0.0.1:${prometheusPort}`);
    this.nodeInstance = `127.0.0.1:${nodePort}`;
    this.subjectUrl = subjectUrl;
    this.#configFile = configFile;
  }

  static async start(sandbox: Sandbox, tools: Tools, subject: PeerName): Promise<Stack> {
    const { peers, missing } = findPeers([subject]);
    const peer = peers[0];
    if (peer === undefined) throw new Error(missing.join('; '));
    const { baseUrl } = await peer.start(sandbox);
    const nodePort = await startNodeExporter(sandbox, tools.nodeExporter);
    const prometheusPort = await freePort();
    const stack = new Stack(prometheusPort, nodePort, baseUrl, join(sandbox.folder, 'prometheus.yml'));
    stack.#writeConfig(true);
    await sandbox.start({
      name: 'prometheus',
      command: tools.prometheus,
      args: [
        `--config.file=${stack.#configFile}`,
        `--storage.tsdb.path=${sandbox.makeFolder('prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheusPort}`,
        '--web.enable-lifecycle',
        '--log.level=warn',
      ],
      folder: sandbox.folder,
      logFile: join(sandbox.folder, 'prometheus.log'),
      readyUrl: new URL('/-/ready', stack.prometheusUrl),
    });
    return stack;
  }

  /** Takes the targets away, so that the data is at rest, and waits until the subject has all of it. */
  async stopScraping(): Promise<void> {
    this.#writeConfig(false);
    const answer = await http({ method: 'POST', url: new URL('/-/reload', this.prometheusUrl) });
    if (answer.status !== 200) throw new Error(`prometheus did not reload: ${answer.status} ${answer.body.toString()}`);
    await this.#drained();
  }

  /**
   * Remote write has caught up when nothing is pending and nothing new was appended between two looks: Prometheus says both of itself. It
   * takes some seconds to let a target go, and marks its series as stale two scrapes later: the looks are further apart than that.
   */
  async #drained(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_MS;
    let before = 'nothing yet';
    for (;;) {
      await sleep(QUIET_MS);
      const text = (await http({ method: 'GET', url: new URL('/metrics', this.prometheusUrl) })).body.toString();
      const [appended, sent, failed, pending] = ['samples_in_total', 'samples_total', 'samples_failed_total', 'samples_pending'].map((name) =>
        metric(text, `prometheus_remote_storage_${name}`),
      );
      if (failed !== 0) throw new Error(`remote write lost ${failed} samples`);
      const now = `${appended} appended, ${sent} sent, ${pending} pending`;
      if (pending === 0 && now === before) return;
      if (performance.now() > deadlineMs) throw new Error(`remote write did not come to rest: ${now}`);
      before = now;
    }
  }

  #writeConfig(isScraping: boolean): void {
    const scrapes = { node: this.nodeInstance, prometheus: this.prometheusUrl.host };
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      // A job without targets, and not no job: only of targets that leave a job does Prometheus mark the series as stale.
      scrape_configs: Object.entries(scrapes).map(([job_name, target]) => ({
        job_name,
        static_configs: isScraping ? [{ targets: [target] }] : [],
      })),
      remote_write: [{ url: new URL('/api/v1/write', this.subjectUrl).href, queue_config: { batch_send_deadline: '500ms' } }],
    };
    // JSON is YAML.
    writeFileSync(this.#configFile, JSON.stringify(config, null, 2));
  }
}

/** The sum over all lines of one metric in the text exposition format. */
function metric(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  if (lines.length === 0) throw new Error(`prometheus does not count ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
