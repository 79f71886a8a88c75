import { createServer } from 'node:http';
import { zigzag } from '../../../proto/varint.ts';
import { bytesField, doubleField, varintField } from '../../proto/protobuf-fields.ts';
import { bucketDeltas, bucketSpan, exemplarOf, labelPair, metricFamily, PROTOBUF_TYPE } from '../client-model.ts';

/*
 * A page whose series come and go, with every kind of value: in the text format, and with native histograms and exemplars in the protobuf
 * one. What it says is a function of the number of the scrape, and each client that scrapes it has its own numbers.
 */
type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** `age`: scrapes since the series began. */
  readonly series: readonly { readonly labels: Labels; readonly value: number; readonly age?: number; readonly traceId?: string }[];
}

/** Each slot holds one pod, and another one after so many scrapes. */
const POD_SLOTS = 40;
const POD_SCRAPES = 30;
/** A process restarts, and its counters with it. */
const RESET_SCRAPES = 50;
/** No -0: Prometheus leaves the field out where it is equal to zero, so it is 0 for every receiver. */
const VALUES = { nothing: NaN, more: Infinity, less: -Infinity, smallest: 5e-324, largest: Number.MAX_VALUE, odd: 2 ** 53 - 1, third: 1 / 3, 'a "quoted"\\\nvalue é': 0.1 };

function familiesOf(scrape: number, isUtf8: boolean): Family[] {
  const pods = Array.from({ length: POD_SLOTS }, (_, slot) => ({ pod: `slot-${slot}-${Math.floor((scrape + slot * 7) / POD_SCRAPES)}`, age: (scrape + slot * 7) % POD_SCRAPES }));
  const since = scrape % RESET_SCRAPES;
  return [
    { name: 'fleet_pod_requests_total', type: 'counter', series: pods.map(({ pod, age }) => ({ labels: { pod, code: '200' }, value: age * 1.25, age })) },
    { name: 'fleet_pod_up', type: 'gauge', series: pods.map(({ pod }) => ({ labels: { pod }, value: 1 })) },
    // Gone and back: a stale marker for every second scrape.
    { name: 'fleet_blinking', type: 'gauge', series: scrape % 2 === 0 ? [{ labels: {}, value: scrape }] : [] },
    { name: 'fleet_values', type: 'gauge', series: Object.entries(VALUES).map(([kind, value]) => ({ labels: { kind }, value })) },
    { name: 'fleet_noise', type: 'gauge', series: Array.from({ length: 20 }, (_, index) => ({ labels: { index: String(index) }, value: Math.sin(scrape * 12.9898 + index) * 43_758.5453 })) },
    { name: 'fleet_jobs_total', type: 'counter', series: [{ labels: { queue: 'a' }, value: since * 3, age: since, traceId: `trace-${scrape}` }] },
    ...(isUtf8 ? [{ name: 'fleet.utf8 metric', type: 'gauge' as const, series: [{ labels: { 'a label.ü': 'wert' }, value: scrape / 8 }] }] : []),
  ];
}

function textOf(families: readonly Family[]): string {
  const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  const number = (value: number): string => String(value).replace('Infinity', 'Inf');
  const lines = families.flatMap(({ name, type, series }) => [
    `# HELP ${name} Of a fleet.`,
    `# TYPE ${name} ${type}`,
    ...series.map(({ labels, value }) => `${name}{${Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`).join()}} ${number(value)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function protobufOf(families: readonly Family[], scrape: number, nowSeconds: number): Uint8Array {
  const floats = families.flatMap(({ name, type, series }) =>
    metricFamily(
      name,
      'Of a fleet.',
      type,
      ...series.map(({ labels, value, age, traceId }) => [
        ...Object.entries(labels).flatMap(([label, text]) => labelPair(label, text)),
        ...bytesField(type === 'counter' ? 3 : 2, [
          ...doubleField(1, value),
          ...(traceId === undefined ? [] : exemplarOf(traceId, value, nowSeconds)),
          // When it was created: as long ago as scrapes a second apart have taken.
          ...(age === undefined ? [] : bytesField(3, varintField(1, nowSeconds - age))),
        ]),
      ]),
    ),
  );
  const since = (scrape % RESET_SCRAPES) + 1;
  const isWide = since % 10 === 0;
  const duration = [
    ...varintField(1, since * (isWide ? 8 : 6) + 2), ...doubleField(2, since * 9.5), ...varintField(5, zigzag(3)), ...doubleField(6, 0.001), ...varintField(7, 2),
    // Buckets appear and go again, which Prometheus takes for a reset.
    ...bucketSpan(-4, 2), ...bucketSpan(3, isWide ? 2 : 1), ...bucketDeltas([since, since, since, ...(isWide ? [-since] : [])]),
  ];
  const load = [
    ...doubleField(4, since + 0.5), ...doubleField(2, -since), ...varintField(5, zigzag(0)), ...doubleField(6, 0.5), ...doubleField(8, 0.25),
    ...bucketSpan(1, 2), ...[since, 0.25].flatMap((count) => doubleField(14, count)),
  ];
  const classic = [1, 2, 3].flatMap((bound) => bytesField(3, [...varintField(1, bound * since), ...doubleField(2, bound / 4)]));
  // A native histogram that comes and goes has a stale marker of its own kind.
  const pods = [0, 1].map((slot) => [...labelPair('pod', `slot-${slot}-${Math.floor((scrape + slot * 7) / POD_SCRAPES)}`), ...bytesField(7, duration)]);
  return Uint8Array.from([
    ...floats,
    ...metricFamily('fleet_duration_seconds', 'Of a fleet.', 'histogram', [...labelPair('path', '/a'), ...bytesField(7, duration)]),
    ...metricFamily('fleet_pod_duration_seconds', 'Of a fleet.', 'histogram', ...pods),
    ...metricFamily('fleet_load', 'Of a fleet.', 'gaugeHistogram', bytesField(7, load)),
    ...metricFamily('fleet_classic_seconds', 'Of a fleet.', 'histogram', bytesField(7, [...varintField(1, 4 * since), ...doubleField(2, since / 3), ...classic])),
  ]);
}

/** Serves until it is closed: one page, `/`, that counts the scrapes of each query string apart. */
export async function startChurningTarget(): Promise<{ readonly host: string; close(): Promise<void> }> {
  const scrapes = new Map<string, number>();
  const server = createServer(({ url = '', headers: { accept = '' } }, response) => {
    const scrape = (scrapes.get(url) ?? 0) + 1;
    scrapes.set(url, scrape);
    const isProtobuf = accept.includes('application/vnd.google.protobuf');
    const isUtf8 = accept.includes('escaping=allow-utf-8');
    response.setHeader('content-type', isProtobuf ? `${PROTOBUF_TYPE}${isUtf8 ? '; escaping=allow-utf-8' : ''}` : 'text/plain; version=0.0.4; charset=utf-8');
    const families = familiesOf(scrape, isProtobuf && isUtf8);
    response.end(isProtobuf ? protobufOf(families, scrape, Math.floor(Date.now() / 1000)) : textOf(families));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the target has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
