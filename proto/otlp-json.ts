import { JsonReader } from './json-reader.ts';
import { METRICS_REQUEST, type Field, type MessageType } from './otlp-json-schema.ts';
import { NUMBER_BYTES_MAX, parseFloatBytes, parseShortInteger, parseWords } from './number-bytes.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { zigzag } from './varint.ts';

export interface JsonLimits {
  /** Of the protobuf message that is made. */
  readonly bytesMax: number;
  /** How deep attribute values, and values that are skipped, may nest. */
  readonly depthMax: number;
}

/** No integer of 64 bits is longer, also with a few zeros in front or an exponent behind; a string may be as long as the body. */
const INTEGER_CHARACTERS_MAX = 24;
/** What requests of traces, logs and profiles have in place of `resourceMetrics`. */
const OTHER_SIGNALS = ['resourceSpans', 'resource_spans', 'resourceLogs', 'resource_logs', 'resourceProfiles', 'resource_profiles'];
const INTEGER = /^-?\d+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const OPEN_ARRAY = 0x5b;
const QUOTE = 0x22;
const NULL = 0x6e;
const utf8 = new TextEncoder();
const OTHER_SIGNALS_BYTES = OTHER_SIGNALS.map((name) => utf8.encode(name));

function range(least: bigint, most: bigint): { readonly least: bigint; readonly most: bigint; readonly leastNumber: number; readonly mostNumber: number } {
  return { least, most, leastNumber: Number(least), mostNumber: Number(most) };
}

/** What 64-bit integers, in their unsigned and signed kinds, and those of 32 bits may be. */
const RANGES = {
  fixed64: range(0n, 2n ** 64n - 1n),
  uint64: range(0n, 2n ** 64n - 1n),
  sfixed64: range(-(2n ** 63n), 2n ** 63n - 1n),
  int64: range(-(2n ** 63n), 2n ** 63n - 1n),
  uint32: range(0n, 2n ** 32n - 1n),
  sint32: range(-(2n ** 31n), 2n ** 31n - 1n),
  enum: range(-(2n ** 31n), 2n ** 31n - 1n),
} as const;

/**
 * Turns a request in JSON (protobuf's JSON mapping with OTLP's differences) into the same request in protobuf, which is then the only form
 * that there is. Keys are known in both spellings, unknown ones are skipped; integers may be strings, so may NaN and the infinities; ids
 * are hexadecimal. Anything else is a DecodeError. Nothing is built but the answer, which is good until the next call.
 */
export class JsonToProtobuf {
  readonly #writer: ProtobufWriter;
  readonly #depthMax: number;
  #otherSignal: string | undefined;

  constructor(limits: JsonLimits) {
    this.#writer = new ProtobufWriter({ what: 'OTLP JSON', bytesMax: limits.bytesMax });
    this.#depthMax = limits.depthMax;
  }

  /** What the request has of another signal than metrics (`resourceSpans`, say), by which a sender can be told of the wrong address. */
  get otherSignal(): string | undefined {
    return this.#otherSignal;
  }

  metricsRequest(json: Uint8Array): Uint8Array {
    this.#writer.clear();
    this.#otherSignal = undefined;
    const reader = new JsonReader(json, 'OTLP JSON', this.#depthMax);
    this.#message(reader, METRICS_REQUEST, this.#depthMax);
    reader.finish();
    return this.#writer.written();
  }

  /** The fields of an object. Only attribute values nest: `depthLeft` bounds the recursion. */
  #message(reader: JsonReader, type: MessageType, depthLeft: number): void {
    if (depthLeft === 0) throw reader.error(`an attribute that nests deeper than the limit of ${this.#depthMax}`);
    reader.open('{');
    // Senders write the fields of a message in one order: the first look is at the one behind the last.
    let next = 0;
    for (let isFirst = true; reader.nextKey(isFirst); isFirst = false) {
      const index = findField(reader, type, next);
      const field = type.fields[index];
      next = index + 1;
      if (field === undefined) {
        if (type === METRICS_REQUEST) this.#otherSignal ??= otherSignalOf(reader);
        reader.skipValue();
      }
      else if (reader.peek() === NULL) reader.null();
      else if (field.isRepeated) this.#repeated(reader, field, depthLeft);
      else this.#field(reader, field, depthLeft);
    }
  }

  #repeated(reader: JsonReader, field: Field, depthLeft: number): void {
    if (reader.peek() !== OPEN_ARRAY) throw reader.error(`want an array for ${field.name}`);
    reader.open('[');
    const isPacked = typeof field.type === 'string';
    if (isPacked) this.#writer.varint(field.tag);
    const begun = isPacked ? this.#writer.begin() : 0;
    for (let isFirst = true; reader.nextElement(isFirst); isFirst = false) {
      if (isPacked) this.#scalar(reader, field);
      else this.#field(reader, field, depthLeft);
    }
    if (isPacked) this.#writer.end(begun);
  }

  #field(reader: JsonReader, field: Field, depthLeft: number): void {
    const writer = this.#writer;
    writer.varint(field.tag);
    if (typeof field.type === 'string') {
      this.#scalar(reader, field);
      return;
    }
    const type = field.type();
    const begun = writer.begin();
    this.#message(reader, type, type.isNested ? depthLeft - 1 : depthLeft);
    writer.end(begun);
  }

  #scalar(reader: JsonReader, field: Field): void {
    const writer = this.#writer;
    const { type } = field;
    switch (type) {
      case 'string':
      case 'base64':
      case 'hex': {
        if (reader.peek() !== QUOTE) throw reader.error(`want a string for ${field.name}`);
        reader.string();
        if (type === 'string' && !reader.isEscaped) writer.span(reader.bytes, reader.textStart, reader.textEnd);
        else {
          const bytes = bytesOf(reader, field);
          writer.span(bytes, 0, bytes.length);
        }
        break;
      }
      case 'bool':
        writer.varint(reader.boolean() ? 1 : 0);
        break;
      case 'double':
        writeDouble(writer, double(reader, field));
        break;
      case 'fixed64':
        readNumber(reader);
        if (parseWords(reader.bytes, reader.textStart, reader.textEnd, words)) writer.words(words[0]!, words[1]!);
        else writer.fixed64(integerOf(reader, field));
        break;
      case 'sfixed64':
        writer.fixed64(integer(reader, field));
        break;
      case 'sint32':
        writer.varint(zigzag(Number(integer(reader, field))));
        break;
      default:
        writer.varint64(integer(reader, field));
    }
  }
}

const words = new Uint32Array(2);

/** The index of the field whose name is the key that was read last, looked for from `first` on and then from the beginning; -1 when it is none. */
function findField(reader: JsonReader, { fields }: MessageType, first: number): number {
  const { bytes, textStart, textEnd, isEscaped } = reader;
  if (isEscaped) {
    const text = reader.text();
    return fields.findIndex((field) => field.name === text || field.originalName === text);
  }
  const length = textEnd - textStart;
  for (let i = 0; i < fields.length; i++) {
    const index = first + i < fields.length ? first + i : first + i - fields.length;
    const { nameBytes, originalNameBytes } = fields[index]!;
    if ((nameBytes.length === length && isAt(bytes, textStart, nameBytes)) || (originalNameBytes.length === length && isAt(bytes, textStart, originalNameBytes))) {
      return index;
    }
  }
  return -1;
}

function otherSignalOf({ bytes, textStart, textEnd }: JsonReader): string | undefined {
  return OTHER_SIGNALS[OTHER_SIGNALS_BYTES.findIndex((name) => name.length === textEnd - textStart && isAt(bytes, textStart, name))];
}

function isAt(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[start + i] !== wanted[i]) return false;
  }
  return true;
}

function bytesOf(reader: JsonReader, field: Field): Uint8Array {
  const text = reader.text();
  if (field.type === 'string') return utf8.encode(text);
  if (field.type === 'hex') {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw reader.error(`want hexadecimal digits for ${field.name}`);
    return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(i * 2, i * 2 + 2), 16));
  }
  const standard = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(standard) || standard.length % 4 === 1) throw reader.error(`want base64 for ${field.name}`);
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}

/** Reads a number, which may be a string: its text is the last one read. */
function readNumber(reader: JsonReader): void {
  if (reader.peek() === QUOTE) reader.string();
  else reader.number();
}

function integer(reader: JsonReader, field: Field): number | bigint {
  readNumber(reader);
  return integerOf(reader, field);
}

/** The integer in the text that was read last. */
function integerOf(reader: JsonReader, field: Field): number | bigint {
  const kind = field.type as keyof typeof RANGES;
  const { least, most, leastNumber, mostNumber } = RANGES[kind];
  const short = parseShortInteger(reader.bytes, reader.textStart, reader.textEnd);
  if (short !== undefined && short >= leastNumber && short <= mostNumber) return short;
  const text = reader.text();
  let value: bigint | undefined;
  if (text.length <= INTEGER_CHARACTERS_MAX && INTEGER.test(text)) value = BigInt(text);
  else if (kind === 'enum' && field.names !== undefined && field.names.includes(text)) value = BigInt(field.names.indexOf(text));
  else if (text.length <= INTEGER_CHARACTERS_MAX && DECIMAL.test(text)) value = Number.isSafeInteger(Number(text)) ? BigInt(Number(text)) : withExponent(text);
  if (value === undefined || value < least || value > most) throw reader.error(`want an integer from ${least} to ${most} for ${field.name}`);
  return value;
}

/** A decimal that is a whole number by its exponent, exactly: nanoseconds that were a float are written so by Python and others. */
function withExponent(text: string): bigint | undefined {
  const [, whole, fraction = '', exponent] = /^(-?\d+)(?:\.(\d+))?[eE]\+?(\d{1,2})$/.exec(text) ?? [];
  const zeros = Number(exponent) - fraction.length;
  return zeros >= 0 ? BigInt(`${whole}${fraction}${'0'.repeat(zeros)}`) : undefined;
}

/** A NaN as Go reads it, and so Prometheus: JavaScript's own has a low word of 0. */
const NAN_BITS_LOW = 1;
const NAN_BITS_HIGH = 0x7ff80000;

function writeDouble(writer: ProtobufWriter, value: number): void {
  if (Number.isNaN(value)) writer.words(NAN_BITS_LOW, NAN_BITS_HIGH);
  else writer.float64(value);
}

function double(reader: JsonReader, field: Field): number {
  let value: number | undefined;
  if (reader.peek() === QUOTE) {
    reader.string();
    const text = reader.text();
    if (text === 'NaN') return NaN;
    if (text === 'Infinity' || text === '-Infinity') return text === 'Infinity' ? Infinity : -Infinity;
    if (text.length <= NUMBER_BYTES_MAX && DECIMAL.test(text)) value = Number(text);
  } else {
    reader.number();
    value = parseFloatBytes(reader.bytes, reader.textStart, reader.textEnd);
  }
  if (value === undefined || !Number.isFinite(value)) throw reader.error(`want a double for ${field.name}`);
  return value;
}
