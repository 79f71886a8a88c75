import { encodeWriteRequest, type WriteRequestSeries } from '../../../proto/encode-write-request.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { http } from '../../processes/http.ts';
import { encodeReferenceV1 } from '../../proto/reference-messages.ts';
import type { HistogramSeries, Run } from './histogram-data.ts';

const SERIES_PER_REQUEST = 50;

/** Sends all series over remote write 1.0. Anything but full acceptance is an error: both servers must hold the same. */
export async function loadData(baseUrl: URL, data: readonly WriteRequestSeries[], histograms: readonly HistogramSeries[]): Promise<void> {
  for (let from = 0; from < data.length; from += SERIES_PER_REQUEST) await send(baseUrl, encodeWriteRequest(data.slice(from, from + SERIES_PER_REQUEST)));
  // Prometheus takes the floats of a request before its histograms: of each series, a request has one or the other.
  const requests = Math.max(0, ...histograms.map(({ runs }) => runs.length));
  for (let index = 0; index < requests; index++) {
    const parts = histograms.flatMap(({ labels, runs }) => runs.slice(index, index + 1).map((run) => encodeRun(labels, run)));
    // Messages one behind the other are one with all that they have.
    await send(baseUrl, Buffer.concat(parts));
  }
}

function encodeRun(labels: readonly string[], run: Run): Uint8Array {
  if (run.kind === 'floats') return encodeWriteRequest([{ labels, timestampsMs: run.timestampsMs, values: run.values }]);
  const pairs = Array.from({ length: labels.length / 2 }, (_, index) => ({ name: labels[2 * index]!, value: labels[2 * index + 1]! }));
  return encodeReferenceV1({ timeseries: [{ labels: pairs, histograms: run.histograms }] });
}

async function send(baseUrl: URL, body: Uint8Array): Promise<void> {
  const url = new URL('/api/v1/write', baseUrl);
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' };
  const answer = await http({ method: 'POST', url, headers, body: snappyEncode(body) });
  if (answer.status >= 300) throw new Error(`${url.href} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
}
