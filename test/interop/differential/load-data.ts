import { encodeWriteRequest } from '../../../proto/encode-write-request.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { http } from '../../processes/http.ts';
import { encodeReferenceV1 } from '../../proto/reference-messages.ts';
import { v2Request, type V2Series } from '../../proto/v2-request.ts';
import type { HistogramSeries, Run } from './histogram-data.ts';
import type { FloatSeries } from './random-data.ts';

const SERIES_PER_REQUEST = 50;

/** Sends all series over remote write 1.0, those with start timestamps over 2.0. Anything but full acceptance is an error: both servers must hold the same. */
export async function loadData(baseUrl: URL, data: readonly FloatSeries[], histograms: readonly HistogramSeries[]): Promise<void> {
  for (let from = 0; from < data.length; from += SERIES_PER_REQUEST) {
    const part = data.slice(from, from + SERIES_PER_REQUEST);
    const [plain, started] = [part.filter((series) => series.startTimestampsMs === undefined), part.filter((series) => series.startTimestampsMs !== undefined)];
    if (plain.length > 0) await send(baseUrl, V1, encodeWriteRequest(plain));
    if (started.length > 0) await send(baseUrl, V2, v2Request(...started.map(withStarts)));
  }
  // Prometheus takes the floats of a request before its histograms: of each series, a request has one or the other.
  const requests = Math.max(0, ...histograms.map(({ runs }) => runs.length));
  for (let index = 0; index < requests; index++) {
    const [plain, started] = [histograms.filter(({ hasStarts }) => !hasStarts), histograms.filter(({ hasStarts }) => hasStarts)];
    const parts = plain.flatMap(({ labels, runs }) => runs.slice(index, index + 1).map((run) => encodeRun(labels, run)));
    // Messages one behind the other are one with all that they have.
    if (parts.length > 0) await send(baseUrl, V1, Buffer.concat(parts));
    for (const { labels, runs } of started) for (const run of runs.slice(index, index + 1)) await send(baseUrl, ...startedRun(labels, run));
  }
}

function withStarts({ labels, timestampsMs, values, startTimestampsMs = [] }: FloatSeries): V2Series {
  const samples = Array.from(values, (value, index) => ({ value, timestamp: timestampsMs[index]!, startTimestamp: startTimestampsMs[index] ?? 0 }));
  return { labels, samples };
}

/** Floats among histograms are stale markers, whose bits 1.0 keeps as they are, unless they say when they began. */
function startedRun(labels: readonly string[], run: Run): [version: Version, body: Uint8Array] {
  if (run.kind === 'histograms') return [V2, v2Request({ labels, histograms: run.histograms })];
  const { startTimestampsMs } = run;
  return startTimestampsMs?.some((startMs) => startMs !== 0) === true ? [V2, v2Request(withStarts({ labels, ...run, startTimestampsMs }))] : [V1, encodeRun(labels, run)];
}

function encodeRun(labels: readonly string[], run: Run): Uint8Array {
  if (run.kind === 'floats') return encodeWriteRequest([{ labels, timestampsMs: run.timestampsMs, values: run.values }]);
  const pairs = Array.from({ length: labels.length / 2 }, (_, index) => ({ name: labels[2 * index]!, value: labels[2 * index + 1]! }));
  return encodeReferenceV1({ timeseries: [{ labels: pairs, histograms: run.histograms }] });
}

/** The headers of a version of the protocol. */
type Version = Readonly<Record<string, string>>;
const V1: Version = { 'content-type': 'application/x-protobuf', 'x-prometheus-remote-write-version': '0.1.0' };
const V2: Version = { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'x-prometheus-remote-write-version': '2.0.0' };

async function send(baseUrl: URL, version: Version, body: Uint8Array): Promise<void> {
  const url = new URL('/api/v1/write', baseUrl);
  const answer = await http({ method: 'POST', url, headers: { ...version, 'content-encoding': 'snappy' }, body: snappyEncode(body) });
  if (answer.status >= 300) throw new Error(`${url.href} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
}
