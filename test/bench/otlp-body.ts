import { fixed64Field, gauge, metricsRequest, numberPoint, resourceMetrics, sum } from '../proto/otlp-fields.ts';
import type { SeriesShape } from './shapes.ts';

/** Labels that the resource has, by the names under which OTLP knows them; the metric's name is no attribute at all. */
const RESOURCE_LABELS: Readonly<Record<string, string>> = { job: 'service.name', instance: 'service.instance.id' };
/** A time that no text and no value holds: where it stands, that of a scrape is to be written. */
const PLACEHOLDER_MS = 1_111_111_111_111;

/**
 * The body of an OTLP export (protobuf, not compressed) for a fixed group of series with one point each, as RemoteWriteBody has it: encoded
 * once, and every scrape only overwrites values and times. What ends in `_total` is a cumulative sum, everything else a gauge; the labels
 * come back as they are.
 */
export class OtlpBody {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** By series: where its time begins; the value follows after one tag byte. */
  readonly #timeOffsets: Int32Array;

  constructor(series: readonly SeriesShape[]) {
    const resources = new Map<string, Map<string, number[]>>();
    series.forEach(({ labels }, index) => {
      const resource = JSON.stringify(labels.filter(([name]) => name in RESOURCE_LABELS));
      const metrics = resources.get(resource) ?? new Map<string, number[]>();
      const metric = valueOf(labels, '__name__');
      resources.set(resource, metrics.set(metric, [...(metrics.get(metric) ?? []), index]));
    });
    const point = (index: number): number[] => {
      const attributes = Object.fromEntries(series[index]!.labels.filter(([name]) => name !== '__name__' && !(name in RESOURCE_LABELS)));
      return numberPoint({ timeMs: PLACEHOLDER_MS, value: 0, attributes });
    };
    const messages = [...resources.values()].map((metrics) => {
      const { labels } = series[[...metrics.values()][0]![0]!]!;
      const attributes = Object.fromEntries(Object.entries(RESOURCE_LABELS).map(([label, attribute]) => [attribute, valueOf(labels, label)]));
      return resourceMetrics(attributes, [...metrics].map(([name, indexes]) => (name.endsWith('_total') ? sum : gauge)(name, indexes.map(point))));
    });
    this.bytes = metricsRequest(...messages);
    this.#view = new DataView(this.bytes.buffer);
    this.#timeOffsets = placeholders(this.bytes, [...resources.values()].flatMap((metrics) => [...metrics.values()].flat()));
  }

  /** Makes so many series, from the given one on, those of another scrape. Only between requests: the bytes are sent without a copy. */
  patch(timestampMs: number, values: Float64Array, firstSeries = 0): void {
    const nanoseconds = BigInt(timestampMs) * 1_000_000n;
    values.forEach((value, index) => {
      const at = this.#timeOffsets[firstSeries + index]!;
      this.#view.setBigUint64(at, nanoseconds, true);
      this.#view.setFloat64(at + 9, value, true);
    });
  }
}

function valueOf(labels: SeriesShape['labels'], wanted: string): string {
  return labels.find(([name]) => name === wanted)?.[1] ?? '';
}

/** Where each series' time begins; `order` has the series in the order of their points. */
function placeholders(bytes: Uint8Array, order: readonly number[]): Int32Array {
  const placeholder = Uint8Array.from(fixed64Field(3, BigInt(PLACEHOLDER_MS) * 1_000_000n));
  const offsets = new Int32Array(order.length);
  const buffer = Buffer.from(bytes.buffer);
  let at = -1;
  for (const index of order) {
    at = buffer.indexOf(placeholder, at + 1);
    if (at === -1) throw new Error('a point without its placeholder');
    offsets[index] = at + 1;
  }
  if (buffer.indexOf(placeholder, at + 1) !== -1) throw new Error('a placeholder that is no point');
  return offsets;
}
