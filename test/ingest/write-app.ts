import { expect } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { compareLabels, formatLabels, type Labels } from '../../storage/model/labels.ts';
import { readSelectPage, type PageSeries } from '../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import { nodeApp, type NodeApp } from '../fakes/node-app.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';

/** Of the app's clock. */
export const NOW_MS = Date.UTC(2024, 0, 14, 12);
export const V2_TYPE = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
const BASE = 'http://127.0.0.1';

/** What a request was answered with; `written` are the three headers of 2.0, `undefined` where one is missing. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly written: readonly (string | undefined)[];
  readonly retryAfter: string | undefined;
}

/** The whole Worker in this process, with a sender of remote write and a look into its stores. */
export class WriteApp {
  readonly node: NodeApp;

  constructor(variables: Record<string, string> = {}) {
    this.node = nodeApp({ VARVE_OPEN: 'loopback', ...variables });
    this.node.shards.nowMs = NOW_MS;
  }

  async post(body: Uint8Array, headers: Record<string, string> = { 'content-type': V2_TYPE, 'content-encoding': 'snappy' }, path = '/api/v1/write'): Promise<Answer> {
    const response = await this.node.app.fetch(new Request(BASE + path, { method: 'POST', headers, body: body as Uint8Array<ArrayBuffer> }));
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined;
    const written = ['samples', 'histograms', 'exemplars'].map((what) => header(`x-prometheus-remote-write-${what}-written`));
    return { status: response.status, text: await response.text(), written, retryAfter: header('retry-after') };
  }

  send(...series: readonly V2Series[]): Promise<Answer> {
    return this.post(snappyEncode(v2Request(...series)));
  }

  /** Sends, and sends again as a sender does that got no answer: both are to be taken in full, and nothing may change. */
  async taken(samples: number, histograms: number, exemplars: number, ...series: readonly V2Series[]): Promise<void> {
    const success = { status: 204, text: '', written: [samples, histograms, exemplars].map(String), retryAfter: undefined };
    expect(await this.send(...series)).toEqual(success);
    const before = this.everything();
    expect(await this.send(...series)).toEqual(success);
    expect(this.everything()).toEqual(before);
  }

  series(): PageSeries[] {
    return this.node.shards.shardNames.flatMap((name) => this.seriesOf(name)).sort((a, b) => compareLabels(a.labels, b.labels));
  }

  /** Those of one shard. */
  seriesOf(name: string): PageSeries[] {
    const answer = this.node.shards.storeOf(name).select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after: undefined, samplesMax: 1e7 });
    if (answer.status !== 'page' || answer.more) throw new Error('one page expected');
    return [...readSelectPage(answer.page)];
  }

  /** Samples as `series after-now=value`, with a start timestamp behind `@`. */
  samples(): string[] {
    return this.series().map(({ labels, timestampsMs, values, isStale, histograms, startTimestampsMs }) => {
      const texts = Array.from(timestampsMs, (timestampMs, i) => {
        const value = histograms?.[i] !== undefined ? 'histogram' : isStale?.[i] === 1 ? 'stale' : Object.is(values[i], -0) ? '-0' : String(values[i]);
        const startMs = startTimestampsMs?.[i] ?? 0;
        return `${timestampMs - NOW_MS}=${value}${startMs === 0 ? '' : `@${startMs - NOW_MS}`}`;
      });
      return `${formatLabels(labels)} ${texts.join(' ')}`;
    });
  }

  histograms(): (FloatHistogram | undefined)[] {
    return this.series().flatMap(({ histograms }) => histograms ?? []);
  }

  exemplars(): { series: string; labels: Labels; value: number; afterNowMs: number }[] {
    const request = { version: SHARD_RPC_VERSION, selectors: [[{ name: '__name__', type: '=~', value: '.+' }]], startMs: -Infinity, endMs: Infinity } as const;
    return this.node.shards.shardNames.flatMap((name) => {
      const { series } = this.node.shards.storeOf(name).selectExemplars(request as never);
      return series.flatMap(({ labels, exemplars }) =>
        exemplars.map((exemplar) => ({ series: formatLabels(labels), labels: exemplar.labels, value: exemplar.value, afterNowMs: exemplar.timestampMs - NOW_MS })),
      );
    });
  }

  async metadata(): Promise<unknown> {
    const response = await this.node.app.fetch(new Request(`${BASE}/api/v1/metadata`));
    return ((await response.json()) as { data: unknown }).data;
  }

  everything(): unknown {
    return [this.samples(), this.histograms(), this.exemplars()];
  }
}

/** A series of one sample, now. */
export function sampleOf(labels: readonly string[], value: number, more: Partial<V2Series> = {}): V2Series {
  return { labels, samples: [{ value, timestamp: NOW_MS }], ...more };
}
