import { grown } from './grown.ts';
import { COUNT, Point, readUint64, SUM } from './otlp-points.ts';
import { fieldMask, WIRE_BYTES, WIRE_FIXED64, type WireReader } from './wire-reader.ts';

/** Numbers of one point, reused; past `lengthMax` they are counted and not kept. */
export class PointNumbers {
  length = 0;
  values = new Float64Array(32);
  /** The same memory, for keys. */
  view = new DataView(this.values.buffer);
  readonly #lengthMax: number;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get isTooLong(): boolean {
    return this.length > this.#lengthMax;
  }

  push(value: number): void {
    const index = this.length++;
    if (index >= this.values.length) {
      if (this.length > this.#lengthMax) return;
      this.values = grown(this.values);
      this.view = new DataView(this.values.buffer);
    }
    this.values[index] = value;
  }

  /** The doubles from the reader's position to `end`. */
  pushDoubles(reader: WireReader, end: number): void {
    const { values } = this;
    const { view } = reader;
    let position = reader.position | 0;
    let index = this.length | 0;
    for (const last = Math.min(values.length, index + ((end - position) >> 3)); index < last; position += 8) values[index++] = view.getFloat64(position, true);
    reader.position = position;
    this.length = index;
    // What there was no room for, or is cut off.
    while (reader.position < end) this.push(view.getFloat64(reader.fixed64(end), true));
  }

  /** The same of integers without a sign. */
  pushFixed64s(reader: WireReader, end: number): void {
    const { values } = this;
    const { view } = reader;
    let position = reader.position | 0;
    let index = this.length | 0;
    for (const last = Math.min(values.length, index + ((end - position) >> 3)); index < last; position += 8) {
      const high = view.getUint32(position + 4, true);
      const low = view.getUint32(position, true);
      values[index++] = high === 0 ? low : high * 2 ** 32 + low;
    }
    reader.position = position;
    this.length = index;
    while (reader.position < end) this.push(readUint64(view, reader.fixed64(end)));
  }

  /** The varints from the reader's position to `end`. */
  pushVarints(reader: WireReader, end: number): void {
    while (reader.position < end) {
      this.#pushShortVarints(reader, end);
      // One that is long, or that has no four bytes or places behind it.
      if (reader.position < end) this.push(reader.uint64(end));
    }
  }

  /**
   * Varints below 2^21, as nearly all buckets are, four bytes at a time: two and a half times as fast as byte by byte. It stops at another one, and
   * near the end of the bytes and of the room.
   */
  #pushShortVarints(reader: WireReader, end: number): void {
    const { values } = this;
    const { view } = reader;
    const lastPosition = end - 4;
    const lastIndex = values.length - 4;
    let position = reader.position | 0;
    let index = this.length | 0;
    while (position <= lastPosition && index <= lastIndex) {
      const word = view.getInt32(position, true);
      const more = word & 0x80808080;
      if (more === 0) {
        values[index] = word & 0x7f;
        values[index + 1] = (word >> 8) & 0x7f;
        values[index + 2] = (word >> 16) & 0x7f;
        values[index + 3] = word >> 24;
        index += 4;
        position += 4;
      } else if (more === 0x00800080) {
        values[index] = (word & 0x7f) | ((word >> 1) & 0x3f80);
        values[index + 1] = ((word >> 16) & 0x7f) | ((word >> 17) & 0x3f80);
        index += 2;
        position += 4;
      } else if ((more & 0x80) === 0) {
        values[index++] = word & 0x7f;
        position++;
      } else if ((more & 0x8000) === 0) {
        values[index++] = (word & 0x7f) | ((word >> 1) & 0x3f80);
        position += 2;
      } else if ((more & 0x800000) === 0) {
        values[index++] = (word & 0x7f) | ((word >> 1) & 0x3f80) | ((word >> 2) & 0x1fc000);
        position += 3;
      } else break;
    }
    reader.position = position;
    this.length = index;
  }
}

export class HistogramPoint extends Point {
  count = 0;
  hasSum = false;
  sum = 0;
  readonly counts: PointNumbers;
  readonly bounds: PointNumbers;
  protected readonly attributesTag = (9 << 3) | WIRE_BYTES;
  protected readonly exemplarTag = (8 << 3) | WIRE_BYTES;
  protected readonly fields = fieldMask(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

  constructor(bucketsMax: number) {
    super();
    this.counts = new PointNumbers(bucketsMax);
    this.bounds = new PointNumbers(bucketsMax);
  }

  protected clear(): void {
    this.count = this.sum = this.counts.length = this.bounds.length = 0;
    this.hasSum = false;
  }

  protected field(cursor: WireReader, tag: number, end: number): boolean {
    const { view } = cursor;
    switch (tag) {
      case COUNT:
        this.count = readUint64(view, cursor.fixed64(end));
        return true;
      case SUM:
        this.sum = view.getFloat64(cursor.fixed64(end), true);
        this.hasSum = true;
        return true;
      case (6 << 3) | WIRE_BYTES:
        this.counts.pushFixed64s(cursor, cursor.length(end));
        return true;
      case (6 << 3) | WIRE_FIXED64:
        this.counts.push(readUint64(view, cursor.fixed64(end)));
        return true;
      case (7 << 3) | WIRE_BYTES:
        this.bounds.pushDoubles(cursor, cursor.length(end));
        return true;
      case (7 << 3) | WIRE_FIXED64:
        this.bounds.push(view.getFloat64(cursor.fixed64(end), true));
        return true;
      case 10 << 3:
        this.flags = cursor.int32(end);
        return true;
      case (11 << 3) | WIRE_FIXED64:
      case (12 << 3) | WIRE_FIXED64:
        cursor.fixed64(end);
        return true;
      default:
        return false;
    }
  }
}

/** One side of an exponential histogram: bucket `offset + i` has `counts[i]`. */
export class ExponentialBuckets {
  offset = 0;
  readonly counts: PointNumbers;
  /** Whether the side has been there: a second one would have to be merged with it, and nobody writes that. */
  #isRead = false;

  constructor(bucketsMax: number) {
    this.counts = new PointNumbers(bucketsMax);
  }

  clear(): void {
    this.offset = this.counts.length = 0;
    this.#isRead = false;
  }

  read(cursor: WireReader, end: number): void {
    if (this.#isRead) throw cursor.error('a second message of buckets of one side');
    this.#isRead = true;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === 1 << 3) this.offset = cursor.sint32(end);
      else if (tag === ((2 << 3) | WIRE_BYTES)) {
        this.counts.pushVarints(cursor, cursor.length(end));
      } else if (tag === 2 << 3) this.counts.push(cursor.uint64(end));
      else cursor.skipUnknown(tag, end, fieldMask(1, 2));
    }
  }
}

export class ExponentialPoint extends Point {
  count = 0;
  hasSum = false;
  sum = 0;
  scale = 0;
  zeroCount = 0;
  zeroThreshold = 0;
  readonly positive: ExponentialBuckets;
  readonly negative: ExponentialBuckets;
  protected readonly attributesTag = (1 << 3) | WIRE_BYTES;
  protected readonly exemplarTag = (11 << 3) | WIRE_BYTES;
  protected readonly fields = fieldMask(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);

  constructor(bucketsMax: number) {
    super();
    this.positive = new ExponentialBuckets(bucketsMax);
    this.negative = new ExponentialBuckets(bucketsMax);
  }

  protected clear(): void {
    this.count = this.sum = this.scale = this.zeroCount = this.zeroThreshold = 0;
    this.hasSum = false;
    this.positive.clear();
    this.negative.clear();
  }

  protected field(cursor: WireReader, tag: number, end: number): boolean {
    const { view } = cursor;
    switch (tag) {
      case COUNT:
        this.count = readUint64(view, cursor.fixed64(end));
        return true;
      case SUM:
        this.sum = view.getFloat64(cursor.fixed64(end), true);
        this.hasSum = true;
        return true;
      case 6 << 3:
        this.scale = cursor.sint32(end);
        return true;
      case (7 << 3) | WIRE_FIXED64:
        this.zeroCount = readUint64(view, cursor.fixed64(end));
        return true;
      case (8 << 3) | WIRE_BYTES:
        this.positive.read(cursor, cursor.length(end));
        return true;
      case (9 << 3) | WIRE_BYTES:
        this.negative.read(cursor, cursor.length(end));
        return true;
      case 10 << 3:
        this.flags = cursor.int32(end);
        return true;
      case (14 << 3) | WIRE_FIXED64:
        this.zeroThreshold = view.getFloat64(cursor.fixed64(end), true);
        return true;
      case (12 << 3) | WIRE_FIXED64:
      case (13 << 3) | WIRE_FIXED64:
        cursor.fixed64(end);
        return true;
      default:
        return false;
    }
  }
}

export class SummaryPoint extends Point {
  count = 0;
  sum = 0;
  readonly quantiles: PointNumbers;
  readonly values: PointNumbers;
  protected readonly attributesTag = (7 << 3) | WIRE_BYTES;
  /** Summaries have none. */
  protected readonly exemplarTag = -1;
  protected readonly fields = fieldMask(2, 3, 4, 5, 6, 7, 8);

  constructor(quantilesMax: number) {
    super();
    this.quantiles = new PointNumbers(quantilesMax);
    this.values = new PointNumbers(quantilesMax);
  }

  protected clear(): void {
    this.count = this.sum = this.quantiles.length = this.values.length = 0;
  }

  protected field(cursor: WireReader, tag: number, end: number): boolean {
    if (tag === COUNT) this.count = readUint64(cursor.view, cursor.fixed64(end));
    else if (tag === SUM) this.sum = cursor.view.getFloat64(cursor.fixed64(end), true);
    else if (tag === ((6 << 3) | WIRE_BYTES)) this.#quantile(cursor, cursor.length(end));
    else if (tag === 8 << 3) this.flags = cursor.int32(end);
    else return false;
    return true;
  }

  #quantile(cursor: WireReader, end: number): void {
    let quantile = 0;
    let value = 0;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === ((1 << 3) | WIRE_FIXED64)) quantile = cursor.view.getFloat64(cursor.fixed64(end), true);
      else if (tag === ((2 << 3) | WIRE_FIXED64)) value = cursor.view.getFloat64(cursor.fixed64(end), true);
      else cursor.skipUnknown(tag, end, fieldMask(1, 2));
    }
    this.quantiles.push(quantile);
    this.values.push(value);
  }
}
