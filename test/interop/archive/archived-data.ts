import { http } from '../../processes/http.ts';
import { sleep } from '../../processes/sleep.ts';
import type { CountAndSum, ReaderAnswers } from './reader-answers.ts';

const DAY_MS = 86_400_000;
const METRICS = ['temperature', 'requests_total', 'memory_bytes'];
const HOSTS = 24;
const ZONES = 4;
const DAYS = 4;
const STEP_MS = 30_000;
const STEPS = 240;
/** Samples of a day begin at noon, so that no window of a query ends where a sample stands. */
const START_OF_DAY_MS = 12 * 3_600_000;
const PUBLISH_MS = 90_000;

/** Old samples of one tenant: hosts in zones, on several days, so that files and partitions can be left out. */
export class ArchivedData {
  readonly #baseUrl: URL;
  readonly #key: string;
  readonly #firstDayMs: number;
  readonly #lastMs: number;
  /** What is added to every value: tenants differ. */
  readonly #offset: number;

  constructor(baseUrl: URL, key: string, nowMs: number, offset: number) {
    this.#baseUrl = baseUrl;
    this.#key = key;
    this.#firstDayMs = (Math.floor(nowMs / DAY_MS) - DAYS - 2) * DAY_MS;
    this.#lastMs = this.#firstDayMs + DAYS * DAY_MS;
    this.#offset = offset;
  }

  readonly metric = METRICS[0]!;
  readonly zone = 'z1';

  get selectedFrom(): string {
    return new Date(this.#firstDayMs + DAY_MS).toISOString();
  }

  get selectedTo(): string {
    return new Date(this.#firstDayMs + 2 * DAY_MS).toISOString();
  }

  async import(): Promise<void> {
    const lines: string[] = [];
    for (const [m, metric] of METRICS.entries()) {
      for (let host = 0; host < HOSTS; host++) {
        for (let day = 0; day < DAYS; day++) {
          for (let step = 0; step < STEPS; step++) {
            const value = metric === 'requests_total' ? step * (host + 1) : this.#offset + m + host * 0.25 + Math.sin(step / 20 + day);
            lines.push(`${metric}{host="h${host}",zone="z${host % ZONES}"} ${value} ${this.#firstDayMs + day * DAY_MS + START_OF_DAY_MS + step * STEP_MS}`);
          }
        }
      }
    }
    const { status, body } = await this.#call('/api/v1/import/prometheus', lines.join('\n'));
    if (status !== 204) throw new Error(`the import was answered with ${status}: ${body}`);
  }

  /** Waits until the table has all of it, which is a while after it was acknowledged. */
  async published(): Promise<void> {
    const deadlineMs = performance.now() + PUBLISH_MS;
    for (;;) {
      const { status, body } = await this.#call('/iceberg/v1/namespaces/metrics/tables/samples?snapshots=refs', undefined);
      const table = status === 200 ? (JSON.parse(body) as { metadata: { snapshots: { summary: Record<string, string> }[] } }).metadata : undefined;
      if (Number(table?.snapshots[0]?.summary['total-records']) === METRICS.length * HOSTS * DAYS * STEPS) return;
      if (performance.now() > deadlineMs) throw new Error(`the table has not all samples: ${body.slice(0, 500)}`);
      await sleep(250);
    }
  }

  /** What PromQL says of the same samples. */
  async answers(): Promise<ReaderAnswers> {
    const byMetric: Record<string, CountAndSum> = {};
    for (const metric of METRICS) byMetric[metric] = await this.#countAndSum(`${metric}[${DAYS}d]`, this.#lastMs);
    const selected = await this.#countAndSum(`${this.metric}{zone="${this.zone}"}[1d]`, Date.parse(this.selectedTo));
    return { byMetric, selected };
  }

  async #countAndSum(range: string, timeMs: number): Promise<CountAndSum> {
    return [await this.#query(`sum(count_over_time(${range}))`, timeMs), await this.#query(`sum(sum_over_time(${range}))`, timeMs)];
  }

  async #query(query: string, timeMs: number): Promise<number> {
    const { body } = await this.#call('/api/v1/query', new URLSearchParams({ query, time: String(timeMs / 1000) }).toString(), 'application/x-www-form-urlencoded');
    const answer = JSON.parse(body) as { data?: { result: { value: [number, string] }[] }; error?: string };
    const value = answer.data?.result[0]?.value[1];
    if (value === undefined) throw new Error(`${query}: ${answer.error ?? 'no result'}`);
    return Number(value);
  }

  async #call(path: string, body: string | undefined, contentType = 'text/plain'): Promise<{ status: number; body: string }> {
    const headers = { authorization: `Bearer ${this.#key}`, 'content-type': contentType };
    const answer = await http({ method: body === undefined ? 'GET' : 'POST', url: new URL(path, this.#baseUrl), headers, ...(body === undefined ? {} : { body }) });
    return { status: answer.status, body: answer.body.toString() };
  }
}
