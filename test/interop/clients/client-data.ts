import { snappyEncode } from '../../../proto/snappy.ts';
import { http } from '../../processes/http.ts';
import { bytesField, doubleField, label, request, sample, series, tag, varint, varintField } from '../../proto/protobuf-fields.ts';

/** What the clients ask for: one counter a host, one native histogram, and an exemplar of the counter. Times are Unix milliseconds. */
export interface ClientData {
  readonly startMs: number;
  readonly endMs: number;
}

export const HOSTS = ['a', 'b', 'c'] as const;
export const STEP_MS = 15_000;
const SCRAPES = 40;

/** Writes ten minutes of data that end now. */
export async function writeClientData(baseUrl: URL, nowMs: number): Promise<ClientData> {
  const endMs = Math.floor(nowMs / STEP_MS) * STEP_MS;
  const startMs = endMs - (SCRAPES - 1) * STEP_MS;
  const times = Array.from({ length: SCRAPES }, (_, i) => startMs + i * STEP_MS);
  const counters = HOSTS.map((host, i) =>
    series(
      label('__name__', 'client_requests_total'),
      label('host', host),
      ...times.map((timeMs, scrape) => sample(scrape * (i + 1) * 15, timeMs)),
      exemplar({ trace_id: `trace-${host}` }, 1, endMs - STEP_MS),
    ),
  );
  const histogram = series(label('__name__', 'client_latency_seconds'), ...times.map((timeMs, scrape) => histogramField(scrape, timeMs)));
  await write(baseUrl, counters);
  await write(baseUrl, [histogram]);
  return { startMs, endMs };
}

async function write(baseUrl: URL, all: readonly (readonly number[])[]): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' };
  const answer = await http({ method: 'POST', url: new URL('/api/v1/write', baseUrl), headers, body: snappyEncode(request(...all)) });
  // What is not in the server shows in the checks that ask for it.
  if (answer.status >= 500) throw new Error(`the write was answered with ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
}

function exemplar(labels: Readonly<Record<string, string>>, value: number, timeMs: number): number[] {
  const pairs = Object.entries(labels).flatMap(([name, text]) => bytesField(1, [...bytesField(1, name), ...bytesField(2, text)]));
  return bytesField(3, [...pairs, ...doubleField(2, value), ...varintField(3, timeMs)]);
}

/** An integer histogram of schema 0 with two buckets, (1, 2] and (2, 4], of `scrape` and twice as many observations. */
function histogramField(scrape: number, timeMs: number): number[] {
  const span = bytesField(11, [...varintField(1, 2), ...varintField(2, 2)]);
  const deltas = [...varint(zigzag(scrape)), ...varint(zigzag(scrape))];
  const fields = [...varintField(1, scrape * 3), ...doubleField(3, scrape * 7.5), ...varintField(4, 0), ...doubleField(5, 1e-128), ...varintField(6, 0)];
  return bytesField(4, [...fields, ...span, ...tag(12, 2), ...varint(deltas.length), ...deltas, ...varintField(15, timeMs)]);
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
