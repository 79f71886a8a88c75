import { createServer, type Server } from 'node:http';
import { bytesField, doubleField, varint, varintField } from '../proto/protobuf-fields.ts';

/*
 * A scrape target as client libraries are: the text format for whoever asks for it, and for a Prometheus with native histograms the
 * protobuf one (io.prometheus.client, delimited), in which these and exemplars can be said. Field numbers are those of client_model.
 *
 *   MetricFamily  1: name  2: help  3: type (0 counter, 1 gauge, 4 histogram, 5 gauge histogram)  4: repeated Metric
 *   Metric        1: repeated LabelPair  2: Gauge  3: Counter  7: Histogram
 *   Counter       1: double value  2: Exemplar            Gauge  1: double value
 *   Exemplar      1: repeated LabelPair  2: double value  3: Timestamp (1: seconds)
 *   Histogram     1: uint64 count  2: double sum  4: double float count  5: sint32 schema  6: double zero threshold  7: uint64 zero count
 *                 8: double float zero count  12: repeated BucketSpan  13: repeated sint64 deltas  14: repeated double counts
 */
const PROTOBUF_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

/** What one scrape of the target says; it grows with every scrape. */
class Metrics {
  #scrapes = 0;

  next(): number {
    return ++this.#scrapes;
  }

  text(scrape: number): string {
    return [
      '# HELP interop_requests_total Requests, "all" of them.',
      '# TYPE interop_requests_total counter',
      `interop_requests_total{code="200",path="/é"} ${scrape * 3}`,
      `interop_requests_total{code="500",path="/é"} ${scrape}`,
      '# HELP interop_temperature_celsius How warm.',
      '# TYPE interop_temperature_celsius gauge',
      `interop_temperature_celsius ${20 + (scrape % 5) / 8}`,
      '# HELP interop_nothing Never a number.',
      '# TYPE interop_nothing gauge',
      'interop_nothing NaN',
      'interop_infinite{sign="+"} +Inf',
      '',
    ].join('\n');
  }

  protobuf(scrape: number, nowSeconds: number): Uint8Array {
    const label = (name: string, value: string): number[] => bytesField(1, [...bytesField(1, name), ...bytesField(2, value)]);
    const family = (name: string, help: string, type: number, ...metrics: number[][]): number[] => {
      const message = [...bytesField(1, name), ...bytesField(2, help), ...varintField(3, type), ...metrics.flatMap((metric) => bytesField(4, metric))];
      return [...varint(message.length), ...message];
    };
    const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2);
    const span = (offset: number, length: number): number[] => bytesField(12, [...varintField(1, zigzag(offset)), ...varintField(2, length)]);
    const exemplar = bytesField(2, [...label('trace_id', `trace-${scrape}`), ...doubleField(2, scrape / 4), ...bytesField(3, varintField(1, nowSeconds))]);
    const integers = [
      ...varintField(1, scrape * 6 + 2), ...doubleField(2, scrape * 9.5), ...varintField(5, zigzag(3)), ...doubleField(6, 0.001), ...varintField(7, 2),
      ...span(-4, 2), ...span(3, 1), ...[scrape, scrape, scrape].flatMap((delta) => varintField(13, zigzag(delta))),
    ];
    const floats = [
      ...doubleField(4, scrape + 0.5), ...doubleField(2, -scrape), ...varintField(5, zigzag(0)), ...doubleField(6, 0.5), ...doubleField(8, 0.25),
      ...span(1, 2), ...[scrape, 0.25].flatMap((count) => doubleField(14, count)),
    ];
    return Uint8Array.from([
      ...family('interop_requests_total', 'Requests, "all" of them.', 0, [...label('code', '200'), ...label('path', '/é'), ...bytesField(3, [...doubleField(1, scrape * 3), ...exemplar])]),
      ...family('interop_duration_seconds', 'How long.', 4, [...label('path', '/a'), ...bytesField(7, integers)], [...label('path', '/b'), ...bytesField(7, integers)]),
      ...family('interop_load', 'A gauge histogram.', 5, bytesField(7, floats)),
    ]);
  }
}

/** Serves until it is closed. */
export async function startNativeTarget(): Promise<{ readonly host: string; close(): Promise<void> }> {
  const metrics = new Metrics();
  const server: Server = createServer((request, response) => {
    const isProtobuf = (request.headers.accept ?? '').includes('application/vnd.google.protobuf');
    const scrape = metrics.next();
    response.setHeader('content-type', isProtobuf ? PROTOBUF_TYPE : 'text/plain; version=0.0.4; charset=utf-8');
    response.end(isProtobuf ? metrics.protobuf(scrape, Math.floor(Date.now() / 1000)) : metrics.text(scrape));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the target has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
