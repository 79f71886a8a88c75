import { encodeWriteRequest } from '../../../proto/encode-write-request.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { http, keepAliveAgent } from '../../processes/http.ts';
import type { CapturedSeries } from './capture.ts';

/** Samples `start` to `end` of the series at an index. */
interface Part {
  readonly series: number;
  readonly start: number;
  readonly end: number;
}

const SERIES_PER_REQUEST = 2_000;
const HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' };

/** What the series bring in each span of time as long as their shortest interval, oldest first: all servers see it in the order it came. */
export function* scrapesOf(series: readonly CapturedSeries[]): Generator<Part[]> {
  const intervalMs = Math.min(...series.map(({ timestampsMs }) => (timestampsMs.length < 2 ? Infinity : timestampsMs[1]! - timestampsMs[0]!)));
  const next = new Uint32Array(series.length);
  for (;;) {
    let firstMs = Infinity;
    series.forEach(({ timestampsMs }, i) => (firstMs = Math.min(firstMs, timestampsMs[next[i]!] ?? Infinity)));
    if (firstMs === Infinity) return;
    const scrape: Part[] = [];
    series.forEach(({ timestampsMs }, index) => {
      const start = next[index]!;
      let end = start;
      while (end < timestampsMs.length && timestampsMs[end]! < firstMs + intervalMs) end++;
      if (end > start) scrape.push({ series: index, start, end });
      next[index] = end;
    });
    yield scrape;
  }
}

/** Sends the series by remote write 1.0, scrape by scrape, each request acknowledged before the next. */
export async function replay(series: readonly CapturedSeries[], baseUrl: URL): Promise<void> {
  const url = new URL('/api/v1/write', baseUrl);
  const agent = keepAliveAgent(1);
  try {
    for (const scrape of scrapesOf(series)) {
      for (let from = 0; from < scrape.length; from += SERIES_PER_REQUEST) {
        const request = scrape.slice(from, from + SERIES_PER_REQUEST).map(({ series: index, start, end }) => {
          const { labels, timestampsMs, values } = series[index]!;
          return { labels, timestampsMs: timestampsMs.subarray(start, end), values: values.subarray(start, end) };
        });
        const answer = await http({ method: 'POST', url, headers: HEADERS, body: snappyEncode(encodeWriteRequest(request)), agent });
        if (answer.status >= 300) throw new Error(`remote write was refused: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
      }
    }
  } finally {
    agent.destroy();
  }
}
