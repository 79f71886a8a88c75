import { DecodeError } from '../../proto/decode-error.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzz, type FuzzCounts } from './fuzz-loop.ts';

export { FUZZ_SEED, fuzzRounds } from './fuzz-loop.ts';

const EXTREMES = [0x00, 0x01, 0x7f, 0x80, 0xff];
const CHANGES_MAX = 4;
const RUN_BYTES_MAX = 12;

/** Where inputs are changed: an array of numbers with splices takes twenty times as long. */
let scratch = new Uint8Array(4096);

/** One to four changes: a bit, a byte, a run repeated, left out or moved, the end cut off, something behind it. */
export function mutate(original: Uint8Array, random: SeededRandom): Uint8Array {
  if (scratch.length < original.length + CHANGES_MAX * RUN_BYTES_MAX) scratch = new Uint8Array(original.length * 2);
  const bytes = scratch;
  bytes.set(original);
  let size = original.length;
  for (let changes = random.between(1, CHANGES_MAX); changes > 0; changes--) {
    const at = random.below(size + 1);
    const length = random.below(Math.min(RUN_BYTES_MAX, size - at + 1));
    switch (random.below(7)) {
      case 0:
        if (at < size) bytes[at]! ^= 1 << random.below(8);
        break;
      case 1:
        if (at < size) bytes[at] = random.pick(EXTREMES);
        break;
      case 2:
        bytes.copyWithin(at, at + length, size);
        size -= length;
        break;
      case 3:
        bytes.copyWithin(at + length, at, size);
        size += length;
        break;
      case 4:
        bytes.copyWithin(at + length, at, size);
        size += length;
        for (let i = 0; i < length; i++) bytes[at + i] = random.below(256);
        break;
      case 5:
        size = at;
        break;
      case 6: {
        const to = Math.min(random.below(size + 1), size - length);
        const run = bytes.slice(at, at + length);
        bytes.copyWithin(at, at + length, size);
        bytes.copyWithin(to + length, to, size - length);
        bytes.set(run, to);
        break;
      }
    }
  }
  return bytes.slice(0, size);
}

/** The beginning of one valid input, and the end of another one. */
export function spliced(originals: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  const [head, tail] = [random.pick(originals), random.pick(originals)];
  const [headEnd, tailStart] = [random.below(head.length + 1), random.below(tail.length + 1)];
  const bytes = new Uint8Array(headEnd + tail.length - tailStart);
  bytes.set(head.subarray(0, headEnd));
  bytes.set(tail.subarray(tailStart), headEnd);
  return bytes;
}

/** What a format gives a meaning, put anywhere, once to many times over: nesting, among others. */
export function withToken(original: Uint8Array, tokens: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  const token = random.pick(tokens);
  const times = random.oneIn(8) ? random.between(2, 200) : 1;
  const at = random.below(original.length + 1);
  const replaced = random.oneIn(2) ? Math.min(token.length, original.length - at) : 0;
  const bytes = new Uint8Array(original.length - replaced + token.length * times);
  bytes.set(original.subarray(0, at));
  for (let i = 0; i < times; i++) bytes.set(token, at + i * token.length);
  bytes.set(original.subarray(at + replaced), at + token.length * times);
  return bytes;
}

/** Mutations of texts: of bytes, splices of two of them, and tokens of the format. */
export function textMutations(originals: readonly Uint8Array[], tokens: readonly string[]): (random: SeededRandom) => Uint8Array {
  const tokenBytes = tokens.map((token) => Uint8Array.from(Buffer.from(token)));
  return (random) => {
    switch (random.below(8)) {
      case 0:
        return spliced(originals, random);
      case 1:
      case 2:
        return withToken(random.pick(originals), tokenBytes, random);
      case 3:
        return mutate(withToken(random.pick(originals), tokenBytes, random), random);
      default:
        return mutate(random.pick(originals), random);
    }
  };
}

/**
 * Feeds mutations of valid inputs to a decoder: it may answer or throw a DecodeError, nothing else, and must still decode what is valid
 * (`check`) afterwards. Answers how many inputs were refused. The message of a failure holds all that is needed to repeat it.
 */
export function fuzzDecoder(originals: readonly Uint8Array[], rounds: number, decode: (bytes: Uint8Array) => void, check: () => void): number {
  const random = new SeededRandom(FUZZ_SEED);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const input = mutate(random.pick(originals), random);
    const kept = input.slice();
    try {
      decode(input);
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(kept).toString('hex')}: ${String(error)}`, { cause: error });
      }
      refused++;
    }
    if (round % 1000 === 0) check();
  }
  check();
  return refused;
}

/** The same of a format that clients send, at such a length as FUZZ_ROUNDS says; the mutations are its own. */
export function fuzzFormat(name: string, rounds: number, next: (random: SeededRandom) => Uint8Array, decode: (bytes: Uint8Array) => void, check: () => void): Promise<FuzzCounts> {
  const take = (input: Uint8Array): boolean => {
    try {
      decode(input);
      return true;
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  };
  return fuzz({ name, rounds, next, take, check });
}
