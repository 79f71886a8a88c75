import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import { http } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';

export interface FleetMember {
  /** Its external label `fleet`. */
  readonly name: string;
  readonly command: string;
  readonly features: string;
  readonly remoteWrite: object;
  readonly queueConfig: object;
  /** Of each job. */
  readonly scrape: object;
}

export interface Targets {
  readonly [job: string]: { readonly host: string; readonly path?: string; readonly intervalSeconds?: number };
}

/** A Prometheus that scrapes some targets and itself every second, and sends all of it to Varve. */
export class FleetPrometheus {
  readonly name: string;
  readonly baseUrl: URL;
  /** When it was ready (Unix ms): what is older, such as zeros from when counters were created, remote write does not send. */
  startMs = Infinity;
  readonly #member: FleetMember;
  readonly #targets: Targets;
  readonly #varveUrl: URL;
  readonly #configFile: string;

  private constructor(member: FleetMember, targets: Targets, varveUrl: URL, configFile: string, port: number) {
    this.name = member.name;
    this.baseUrl = new URL(`http://127.0.0.1:${port}`);
    this.#member = member;
    this.#targets = { ...targets, prometheus: { host: this.baseUrl.host } };
    this.#varveUrl = varveUrl;
    this.#configFile = configFile;
  }

  static async start(sandbox: Sandbox, member: FleetMember, targets: Targets, varveUrl: URL): Promise<FleetPrometheus> {
    const port = await freePort();
    const configFile = join(sandbox.folder, `fleet-${member.name}.yml`);
    const prometheus = new FleetPrometheus(member, targets, varveUrl, configFile, port);
    prometheus.#writeConfig(true);
    await sandbox.start({
      name: 'prometheus',
      command: member.command,
      args: [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${sandbox.makeFolder(`fleet-${member.name}`)}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-lifecycle',
        `--enable-feature=${member.features}`,
        '--log.level=warn',
      ],
      folder: sandbox.folder,
      logFile: join(sandbox.folder, `fleet-${member.name}.log`),
      readyUrl: new URL('/-/ready', prometheus.baseUrl),
    });
    prometheus.startMs = Date.now();
    return prometheus;
  }

  async stopScraping(): Promise<void> {
    this.#writeConfig(false);
    const answer = await http({ method: 'POST', url: new URL('/-/reload', this.baseUrl) });
    if (answer.status !== 200) throw new Error(`prometheus did not reload: ${answer.status} ${answer.body.toString()}`);
  }

  #writeConfig(isScraping: boolean): void {
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', external_labels: { fleet: this.name } },
      scrape_configs: Object.entries(this.#targets).map(([job_name, { host, path, intervalSeconds }]) => ({
        job_name,
        ...(path === undefined ? {} : { metrics_path: path }),
        ...(intervalSeconds === undefined ? {} : { scrape_interval: `${intervalSeconds}s` }),
        static_configs: isScraping ? [{ targets: [host] }] : [],
        ...this.#member.scrape,
      })),
      remote_write: [{ url: new URL('/api/v1/write', this.#varveUrl).href, send_exemplars: true, send_native_histograms: true, ...this.#member.remoteWrite, queue_config: this.#member.queueConfig }],
    };
    // JSON is YAML.
    writeFileSync(this.#configFile, JSON.stringify(config, null, 2));
  }
}
