import type { SeededRandom } from '../fakes/seeded-random.ts';
import { mutate, spliced } from './fuzz-bytes.ts';

/** A field as it may be changed: what stands behind its tag, and for a length-delimited one behind its length, as fields where it can be read so. */
interface Field {
  readonly tag: number;
  readonly content: readonly number[];
  readonly fields: readonly Field[] | undefined;
}

const DEPTH_MAX = 8;
/** Wraps of a message in itself: deeper than any decoder should follow. */
const WRAPS_MAX = 120;
const VARINTS: readonly (readonly number[])[] = [
  [0x00],
  [0x7f],
  [0x80, 0x00],
  [0x80, 0x80, 0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];
const FIXED64: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0x80],
  [0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
  [1, 0, 0, 0, 0, 0, 0xf0, 0x7f],
  [2, 0, 0, 0, 0, 0, 0xf0, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
];
const CONTENTS: readonly (readonly number[])[] = [[], [0xff, 0xfe], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98, 0x80], [0], Array.from({ length: 130 }, () => 0x78), Array.from({ length: 20_000 }, () => 0x79)];
/** Numbers that no message of ours has, and some that theirs have. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 15, 16, 31, 32, 33, 1000, 2 ** 29 - 1];

/**
 * Mutations of protobuf messages: of bytes; of their fields, with the lengths of all around them put right (repeated, left out, moved, of another
 * message, unknown, of another wire type or number, with an extreme value, nested in itself); and both.
 */
export function protobufMutations(originals: readonly Uint8Array[]): (random: SeededRandom) => Uint8Array {
  const trees = originals.map((original) => fieldsOf([...original], 0, original.length, DEPTH_MAX) ?? []);
  const donors = trees.flatMap(allFields);
  return (random) => {
    const kind = random.below(16);
    if (kind === 0) return spliced(originals, random);
    if (kind < 5) return mutate(random.pick(originals), random);
    let fields: readonly Field[] = random.pick(trees);
    for (let changes = random.between(1, 3); changes > 0; changes--) fields = changed(fields, donors, random);
    const bytes = Uint8Array.from(encoded(fields));
    return kind < 8 ? mutate(bytes, random) : bytes;
  };
}

function changed(fields: readonly Field[], donors: readonly Field[], random: SeededRandom): readonly Field[] {
  const copy = [...fields];
  const at = random.below(copy.length);
  const field = copy[at];
  if (field?.fields !== undefined && !random.oneIn(4)) {
    copy[at] = { ...field, fields: changed(field.fields, donors, random) };
    return copy;
  }
  const anywhere = random.below(copy.length + 1);
  switch (random.below(9)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      if (field !== undefined) for (let times = random.oneIn(6) ? random.between(2, 40) : 1; times > 0; times--) copy.splice(anywhere, 0, field);
      break;
    case 2:
      if (field !== undefined) copy.splice(anywhere, 0, ...copy.splice(at, 1));
      break;
    case 3:
      copy.splice(anywhere, 0, random.pick(donors));
      break;
    case 4:
      if (field !== undefined) copy[at] = random.pick(donors);
      break;
    case 5:
      copy.splice(anywhere, 0, made(random.pick(NUMBERS) * 8 + random.below(8), random));
      break;
    case 6:
      if (field !== undefined) copy[at] = made(random.oneIn(3) ? (field.tag & ~7) | random.below(8) : field.tag, random);
      break;
    case 7:
      if (field !== undefined) copy[at] = { ...field, tag: random.pick(NUMBERS) * 8 + (field.tag & 7) };
      break;
    case 8:
      if (field !== undefined) copy[at] = wrapped(field, random.oneIn(8) ? random.below(WRAPS_MAX) : 1);
      break;
  }
  return copy;
}

function made(tag: number, random: SeededRandom): Field {
  const wireType = tag & 7;
  const content = wireType === 0 ? random.pick(VARINTS) : wireType === 1 ? random.pick(FIXED64) : wireType === 2 ? random.pick(random.oneIn(50) ? CONTENTS : CONTENTS.slice(0, -1)) : wireType === 5 ? random.pick(FIXED64).slice(4) : [];
  return { tag, content, fields: undefined };
}

function wrapped(field: Field, times: number): Field {
  let outer = field;
  for (let i = 0; i < times; i++) outer = { tag: (field.tag & ~7) | 2, content: [], fields: [outer] };
  return outer;
}

function allFields(fields: readonly Field[]): Field[] {
  return fields.flatMap((field) => [field, ...allFields(field.fields ?? [])]);
}

/** `undefined` where the bytes are no fields. */
function fieldsOf(bytes: readonly number[], start: number, end: number, depth: number): Field[] | undefined {
  const fields: Field[] = [];
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 63) return NaN;
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    if (!(tag >= 8 && tag < 2 ** 32)) return undefined;
    const contentStart = at;
    let contentEnd = at;
    let nested: Field[] | undefined;
    let from = at;
    if (tag % 8 === 0) contentEnd = Number.isNaN(varint()) ? Infinity : at;
    else if (tag % 8 === 1) contentEnd = at + 8;
    else if (tag % 8 === 5) contentEnd = at + 4;
    else if (tag % 8 === 2) {
      contentEnd = varint() + at;
      from = at;
      if (contentEnd <= end && contentEnd > at && depth > 0) nested = fieldsOf(bytes, at, contentEnd, depth - 1);
    } else return undefined;
    if (!(contentEnd <= end)) return undefined;
    fields.push({ tag, content: bytes.slice(tag % 8 === 2 ? from : contentStart, contentEnd), fields: nested });
    at = contentEnd;
  }
  return fields;
}

function encoded(fields: readonly Field[]): number[] {
  const bytes: number[] = [];
  for (const { tag, content, fields: nested } of fields) {
    pushVarint(bytes, tag);
    const inner = nested === undefined ? content : encoded(nested);
    if ((tag & 7) === 2) pushVarint(bytes, inner.length);
    for (let i = 0; i < inner.length; i++) bytes.push(inner[i]!);
  }
  return bytes;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}
