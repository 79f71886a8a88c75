import { DecodeError } from '../../proto/decode-error.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** Rounds of a fuzz test: its own default, or what FUZZ_ROUNDS says. */
export function fuzzRounds(usual: number): number {
  return Number(process.env['FUZZ_ROUNDS'] ?? usual);
}

const EXTREMES = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** One to four changes: a bit, a byte, a run repeated, left out or moved, the end cut off, something behind it. */
export function mutate(original: Uint8Array, random: SeededRandom): Uint8Array {
  let bytes = [...original];
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    const at = random.below(bytes.length + 1);
    const length = random.below(Math.min(12, bytes.length - at + 1));
    switch (random.below(7)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random.pick(EXTREMES);
        break;
      case 2:
        bytes.splice(at, length);
        break;
      case 3:
        bytes.splice(at, 0, ...bytes.slice(at, at + length));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length }, () => random.below(256)));
        break;
      case 5:
        bytes = bytes.slice(0, at);
        break;
      case 6:
        bytes.splice(random.below(bytes.length + 1), 0, ...bytes.splice(at, length));
        break;
    }
  }
  return Uint8Array.from(bytes);
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
