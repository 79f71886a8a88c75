import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { varintLength, writeVarint } from '../../proto/varint.ts';
import { encodeTimestamp, SAMPLE_BYTES, TIMESTAMP_MIN_MS, type WriteProtocol } from './remote-write-body.ts';
import { Random } from './random.ts';
import { type SeriesShape, type Shape, wholeParts } from './shapes.ts';
import { ValueGenerator } from './values.ts';

/** How much shorter than the others a request may be. */
const SHORTER_BELOW = 64;
/** Field 5 of a 2.0 request and of its series, field 4 of its symbols, field 1 and 2 of its series' labels and samples; all length-delimited. */
const TAG = { series: 0x2a, metadata: 0x2a, symbol: 0x22, labels: 0x0a, sample: 0x12 } as const;
const INITIAL_BYTES = 1 << 20;

export interface CutRequest {
  readonly body: Uint8Array;
  readonly sampleCount: number;
}

/**
 * One queue of a sender as Prometheus has them: its series scrape after scrape, cut into requests wherever one is full, so that no two requests
 * hold the same series, and a queue of few series has several scrapes in each. Each is encoded and compressed anew, as there: the generator spends some 2 µs a sample.
 */
export class CutQueue {
  readonly #shape: Shape;
  readonly #series: readonly SeriesShape[];
  readonly #values: ValueGenerator;
  readonly #random: Random;
  readonly #encoder: RequestEncoder;
  /** The next sample's scrape and series. */
  #scrape = 0;
  #index = 0;

  constructor(shape: Shape, series: readonly SeriesShape[], seed: number, protocol: WriteProtocol) {
    this.#shape = shape;
    this.#series = series;
    this.#values = new ValueGenerator(series, seed);
    this.#random = new Random(seed);
    this.#encoder = protocol === '1.0' ? new EncoderV1(series) : new EncoderV2(series);
  }

  /** `undefined` behind the last scrape. */
  next(): CutRequest | undefined {
    const { scrapeCount, samplesPerRequest, firstScrapeMs, scrapeIntervalMs } = this.#shape;
    const wanted = samplesPerRequest - this.#random.below(SHORTER_BELOW);
    this.#encoder.begin();
    let sampleCount = 0;
    for (; sampleCount < wanted && this.#scrape < scrapeCount; sampleCount++) {
      if (this.#index === 0) this.#values.advance();
      this.#encoder.add(this.#index, firstScrapeMs + this.#scrape * scrapeIntervalMs, this.#values.values[this.#index]!);
      if (++this.#index < this.#series.length) continue;
      this.#index = 0;
      this.#scrape++;
    }
    return sampleCount === 0 ? undefined : { body: snappyEncode(this.#encoder.finish()), sampleCount };
  }
}

/** A shape's series for so many queues. */
export function queuesOf(shape: Shape, queueCount: number, protocol: WriteProtocol): CutQueue[] {
  return wholeParts(shape.series, queueCount).map((series, queue) => new CutQueue(shape, series, shape.seed + queue, protocol));
}

/** Requests of series with one sample each, in a buffer that grows. */
abstract class RequestEncoder {
  protected bytes = new Uint8Array(INITIAL_BYTES);
  protected view = new DataView(this.bytes.buffer);
  protected length = 0;

  abstract begin(): void;
  abstract add(index: number, timestampMs: number, value: number): void;
  /** Valid until the next request begins. */
  abstract finish(): Uint8Array;

  protected reserve(byteCount: number): void {
    if (this.length + byteCount <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + byteCount));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  protected append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Over a sample that is in the buffer, from its value on. */
  protected patch(at: number, timestampMs: number, value: number): void {
    const timestamp = encodeTimestamp(timestampMs);
    this.view.setFloat64(at, value, true);
    this.view.setUint32(at + 9, timestamp.getUint32(0, true), true);
    this.view.setUint16(at + 13, timestamp.getUint16(4, true), true);
  }
}

class EncoderV1 extends RequestEncoder {
  readonly #messages: readonly Uint8Array[];

  constructor(series: readonly SeriesShape[]) {
    super();
    this.#messages = series.map(({ labels }) => encodeWriteRequest([{ labels: labels.flat(), timestampsMs: [TIMESTAMP_MIN_MS], values: [0] }]));
  }

  begin(): void {
    this.length = 0;
  }

  add(index: number, timestampMs: number, value: number): void {
    this.append(this.#messages[index]!);
    this.patch(this.length - SAMPLE_BYTES + 1, timestampMs, value);
  }

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Two tags, the value, six bytes of timestamp, and the sample's own tag and length: a sample of 0 at a time that is written over. */
const EMPTY_SAMPLE = Uint8Array.of(TAG.sample, SAMPLE_BYTES, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0);
const SAMPLE_VALUE_AT = 3;

/** Symbols in the order in which the series need them, as Prometheus sends them. */
class EncoderV2 extends RequestEncoder {
  /** Of each series: its labels' and its help text's symbols, and the type of its metric. */
  readonly #series: readonly { readonly symbols: Uint32Array; readonly type: number }[];
  readonly #symbols: readonly Uint8Array[];
  /** By symbol: its number in the request, and the request that this is of. */
  readonly #numbers: Uint32Array;
  readonly #requests: Uint32Array;
  #request = 0;
  #used: Uint8Array[] = [];

  constructor(series: readonly SeriesShape[]) {
    super();
    const symbols = new Map<string, number>();
    const symbolOf = (text: string): number => {
      if (!symbols.has(text)) symbols.set(text, symbols.size);
      return symbols.get(text)!;
    };
    this.#series = series.map(({ labels, kind }) => {
      return { symbols: Uint32Array.from([...labels.flat(), `Help of ${labels[0]![1]}.`], symbolOf), type: kind === 'counter' ? 1 : 2 };
    });
    this.#symbols = [...symbols.keys()].map((text) => new TextEncoder().encode(text));
    this.#numbers = new Uint32Array(this.#symbols.length);
    this.#requests = new Uint32Array(this.#symbols.length);
  }

  begin(): void {
    this.length = 0;
    this.#request++;
    this.#used = [new Uint8Array(0)];
  }

  add(index: number, timestampMs: number, value: number): void {
    const { symbols, type } = this.#series[index]!;
    const numbers = Array.from(symbols, (symbol) => this.#numberOf(symbol));
    const help = numbers.pop()!;
    const labelBytes = numbers.reduce((sum, number) => sum + varintLength(number), 0);
    const metadataBytes = 3 + varintLength(help);
    const messageBytes = 1 + varintLength(labelBytes) + labelBytes + EMPTY_SAMPLE.length + 2 + metadataBytes;
    this.reserve(messageBytes + 8);
    this.#put(TAG.series, messageBytes, TAG.labels, labelBytes, ...numbers);
    const sampleAt = this.length;
    this.append(EMPTY_SAMPLE);
    this.patch(sampleAt + SAMPLE_VALUE_AT, timestampMs, value);
    // Type and help.
    this.#put(TAG.metadata, metadataBytes, 0x08, type, 0x18, help);
  }

  finish(): Uint8Array {
    const series = this.bytes.slice(0, this.length);
    this.length = 0;
    for (const symbol of this.#used) {
      this.reserve(symbol.length + 8);
      this.#put(TAG.symbol, symbol.length);
      this.append(symbol);
    }
    this.append(series);
    return this.bytes.subarray(0, this.length);
  }

  #numberOf(symbol: number): number {
    if (this.#requests[symbol] !== this.#request) {
      this.#requests[symbol] = this.#request;
      this.#numbers[symbol] = this.#used.push(this.#symbols[symbol]!) - 1;
    }
    return this.#numbers[symbol]!;
  }

  #put(...numbers: readonly number[]): void {
    for (const number of numbers) this.length = writeVarint(this.bytes, this.length, number);
  }
}
