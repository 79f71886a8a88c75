import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { parseExposition } from '../../proto/text-exposition.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { messageOf } from '../../storage/runtime/errors.ts';
import type { Fetch } from '../../storage/runtime/fetch.ts';
import { SELF_JOB } from '../self-target.ts';
import type { LocalServer } from './local-key.ts';

/**
 * Scrapes Varve's own /metrics and writes what it finds back over remote write, as a Prometheus would, so that there is something to
 * query from the first minute: the metrics themselves, `up` and `scrape_duration_seconds`.
 */
export class SelfScrape {
  readonly #base: string;
  readonly #authorization: string;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #stopped = false;

  constructor({ url, key }: LocalServer, fetch: Fetch, clock: Clock) {
    this.#base = url;
    this.#authorization = `Bearer ${key}`;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(intervalMs: number): Promise<void> {
    while (!this.#stopped) {
      await this.once().catch((error: unknown) => {
        if (!this.#stopped) console.error(`self-scrape: ${messageOf(error)}`);
      });
      await this.#clock.sleep(intervalMs);
    }
  }

  async once(): Promise<void> {
    const timestampMs = this.#clock.nowMs();
    const startMs = this.#clock.elapsedMs();
    const answer = await this.#fetch(`${this.#base}/metrics`, { headers: { authorization: this.#authorization } });
    const text = await answer.text();
    const target = { job: SELF_JOB, instance: new URL(this.#base).host };
    const series = answer.ok
      ? parseExposition(text).map(({ name, labels, value }) => ({
          labels: labelsFrom({ ...Object.fromEntries(labels), ...target, __name__: name }),
          timestampsMs: [timestampMs],
          values: [value],
        }))
      : [];
    const report = { up: answer.ok ? 1 : 0, scrape_duration_seconds: (this.#clock.elapsedMs() - startMs) / 1000 };
    for (const [name, value] of Object.entries(report)) {
      series.push({ labels: labelsFrom({ ...target, __name__: name }), timestampsMs: [timestampMs], values: [value] });
    }
    const written = await this.#fetch(`${this.#base}/api/v1/write`, {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' },
      body: snappyEncode(encodeWriteRequest(series)),
    });
    if (!written.ok) throw new Error(`writing answered ${written.status}: ${(await written.text()).trim()}`);
  }
}
