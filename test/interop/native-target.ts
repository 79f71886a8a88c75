import { createServer, type Server } from 'node:http';
import { zigzag } from '../../proto/varint.ts';
import { bytesField, doubleField, varintField } from '../proto/protobuf-fields.ts';
import { bucketDeltas, bucketSpan, exemplarOf, labelPair, metricFamily, PROTOBUF_TYPE } from './client-model.ts';

/* A scrape target as client libraries are: the text format for whoever asks for it, and for a Prometheus with native histograms the protobuf one. */

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
    const integers = [
      ...varintField(1, scrape * 6 + 2), ...doubleField(2, scrape * 9.5), ...varintField(5, zigzag(3)), ...doubleField(6, 0.001), ...varintField(7, 2),
      ...bucketSpan(-4, 2), ...bucketSpan(3, 1), ...bucketDeltas([scrape, scrape, scrape]),
    ];
    const floats = [
      ...doubleField(4, scrape + 0.5), ...doubleField(2, -scrape), ...varintField(5, zigzag(0)), ...doubleField(6, 0.5), ...doubleField(8, 0.25),
      ...bucketSpan(1, 2), ...[scrape, 0.25].flatMap((count) => doubleField(14, count)),
    ];
    return Uint8Array.from([
      ...metricFamily('interop_requests_total', 'Requests, "all" of them.', 'counter', [
        ...labelPair('code', '200'), ...labelPair('path', '/é'),
        ...bytesField(3, [...doubleField(1, scrape * 3), ...exemplarOf(`trace-${scrape}`, scrape / 4, nowSeconds)]),
      ]),
      ...metricFamily('interop_duration_seconds', 'How long.', 'histogram', [...labelPair('path', '/a'), ...bytesField(7, integers)], [...labelPair('path', '/b'), ...bytesField(7, integers)]),
      ...metricFamily('interop_load', 'A gauge histogram.', 'gaugeHistogram', bytesField(7, floats)),
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
