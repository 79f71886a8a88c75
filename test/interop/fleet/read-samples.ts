import { snappyEncode, snappyJsDecoder } from '../../../proto/snappy.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../../storage/model/sample.ts';
import { http } from '../../processes/http.ts';
import { bytesField, varintField } from '../../proto/protobuf-fields.ts';

/*
 * Remote read as a comparison wants it: every sample with the bits of its value, stale markers among them, of any server that speaks the
 * protocol. Decoded here and not by Varve's own code, which has no reader for answers.
 */
export type Samples = Map<number, string>;

export const STALE = 'stale';
const STALE_HEX = ((BigInt(STALE_BITS_HIGH >>> 0) << 32n) | BigInt(STALE_BITS_LOW >>> 0)).toString(16);
const ANSWER_BYTES_MAX = 500_000_000;

/** Series by their labels, as `name=value` sorted; samples by their time (Unix ms). `matchers` are equalities. Both ends are inclusive. */
export async function readSamples(baseUrl: URL, matchers: Readonly<Record<string, string>>, startMs: number, endMs: number): Promise<Map<string, Samples>> {
  const encoded = Object.entries(matchers).flatMap(([name, value]) => bytesField(3, [...varintField(1, 0), ...bytesField(2, name), ...bytesField(3, value)]));
  const body = Uint8Array.from([...bytesField(1, [...varintField(1, startMs), ...varintField(2, endMs), ...encoded]), ...varintField(2, 0)]);
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-read-version': '0.1.0' };
  const answer = await http({ method: 'POST', url: new URL('/api/v1/read', baseUrl), headers, body: snappyEncode(body) });
  if (answer.status !== 200) throw new Error(`remote read answered ${answer.status}: ${answer.body.toString().slice(0, 300)}`);
  const found = new Map<string, Samples>();
  each(snappyJsDecoder(ANSWER_BYTES_MAX)(answer.body), (_, result) =>
    each(result as Uint8Array, (_, series) => {
      const labels: string[] = [];
      const samples: Samples = new Map();
      each(series as Uint8Array, (field, part) => {
        if (field === 1) labels.push(labelOf(part as Uint8Array));
        if (field === 2) addFloat(samples, part as Uint8Array);
        if (field === 4) addHistogram(samples, part as Uint8Array);
      });
      found.set(labels.sort().join('\u0001'), samples);
    }),
  );
  return found;
}

/** Calls with each field of a message: numbers as such, or all bytes of what has a length or is fixed. */
function each(message: Uint8Array, use: (field: number, content: number | Uint8Array) => void): void {
  const reader = new ByteReader(message);
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag % 8;
    use(Math.floor(tag / 8), wireType === 2 ? reader.take(reader.varint()) : wireType === 1 ? reader.take(8) : reader.varint());
  }
}

const UTF8 = new TextDecoder();

function labelOf(label: Uint8Array): string {
  const parts = ['', ''];
  each(label, (field, part) => (parts[field - 1] = UTF8.decode(part as Uint8Array)));
  return parts.join('=');
}

function bitsOf(content: number | Uint8Array): string {
  const bytes = content as Uint8Array;
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true).toString(16);
}

function doubleOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
}

function add(samples: Samples, timestampMs: number, value: string): void {
  if (samples.has(timestampMs)) throw new Error(`two samples at ${timestampMs}`);
  samples.set(timestampMs, value);
}

function addFloat(samples: Samples, sample: Uint8Array): void {
  let [bits, timestampMs] = ['0', 0];
  each(sample, (field, content) => {
    if (field === 1) bits = bitsOf(content);
    if (field === 2) timestampMs = content as number;
  });
  add(samples, timestampMs, bits === STALE_HEX ? STALE : bits);
}

/**
 * What a histogram says, whether in integers or floats and in whatever spans; without its reset hint, which each server gives as its own
 * chunks are cut.
 */
function addHistogram(samples: Samples, histogram: Uint8Array): void {
  const said = { count: 0, sum: '0', schema: 0, zeroThreshold: 0, zeroCount: 0, customValues: [] as number[] };
  let timestampMs = 0;
  const [negative, positive]: [Buckets, Buckets] = [{ spans: [], counts: [] }, { spans: [], counts: [] }];
  each(histogram, (field, content) => {
    const bytes = content as Uint8Array;
    if (field === 1) said.count = content as number;
    else if (field === 2) said.count = doubleOf(bytes);
    else if (field === 3) said.sum = bitsOf(content);
    else if (field === 4) said.schema = unzigzag(content as number);
    else if (field === 5) said.zeroThreshold = doubleOf(bytes);
    else if (field === 6) said.zeroCount = content as number;
    else if (field === 7) said.zeroCount = doubleOf(bytes);
    else if (field >= 8 && field <= 10) addBuckets(negative, field - 8, bytes);
    else if (field >= 11 && field <= 13) addBuckets(positive, field - 11, bytes);
    else if (field === 15) timestampMs = content as number;
    else if (field === 16) said.customValues = packed(bytes, (reader) => doubleOf(reader.take(8)));
  });
  if (said.sum === STALE_HEX) return add(samples, timestampMs, STALE);
  add(samples, timestampMs, `${JSON.stringify(said)} -${filled(negative)} +${filled(positive)}`);
}

interface Buckets {
  readonly spans: (readonly [offset: number, length: number])[];
  counts: number[];
}

/** Fields of one side come in threes: spans, deltas of integers, counts in floats. */
function addBuckets(buckets: Buckets, which: number, content: Uint8Array): void {
  if (which === 0) {
    let [offset, length] = [0, 0];
    each(content, (part, value) => {
      if (part === 1) offset = unzigzag(value as number);
      else length = value as number;
    });
    buckets.spans.push([offset, length]);
  } else if (which === 1) {
    let count = 0;
    buckets.counts = packed(content, (reader) => (count += unzigzag(reader.varint())));
  } else buckets.counts = packed(content, (reader) => doubleOf(reader.take(8)));
}

/** Buckets that hold something, by index. */
function filled({ spans, counts }: Buckets): string {
  const found: string[] = [];
  let index = 0;
  let next = 0;
  for (const [offset, length] of spans) {
    index += offset;
    for (let i = 0; i < length; i++, index++) {
      const count = counts[next++] ?? 0;
      if (count !== 0) found.push(`${index}:${count}`);
    }
  }
  return found.join();
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function packed<T>(bytes: Uint8Array, next: (reader: ByteReader) => T): T[] {
  const reader = new ByteReader(bytes);
  const found: T[] = [];
  while (!reader.done) found.push(next(reader));
  return found;
}
