import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { DamagedRowError } from '../../storage/runtime/damage.ts';
import { FUZZ_SEED, fuzzRounds } from '../proto/fuzz-bytes.ts';

/** A codec as the suite sees it. `like` is what a decoder is told from outside (a count, say): the original. */
export interface ByteCodec<T> {
  readonly arbitrary: fc.Arbitrary<T>;
  encode(value: T): Uint8Array;
  /** Everything that is in the bytes, in a form that `toEqual` can compare. */
  decode(bytes: Uint8Array, like: T): unknown;
  /** The same form of the original. */
  plain(value: T): unknown;
  /** A checksum covers the bytes: any change is refused. Otherwise one may also lead to another value. */
  readonly isChecked: boolean;
  /** Whether bytes behind the end are somebody else's. */
  readonly isOpenEnded?: boolean;
  /** Makes the checksum of damaged bytes good again: what a bug of ours would have written. */
  readonly reseal?: (bytes: Uint8Array) => void;
}

const ROUNDS = 150;

/**
 * What every codec owes, on values and on bytes that fast-check makes up and shrinks: what was written is read; every beginning of it is
 * refused; damage is refused, or leads to some other value where no checksum is; and bytes of any kind end in a value or in an error of ours
 * (DecodeError, or a plain Error that names the place), never in another exception, in endless work, or in memory that the bytes asked for.
 */
export function describeByteCodec<T>(name: string, codec: ByteCodec<T>): void {
  const options = (rounds = ROUNDS): fc.Parameters<unknown> => ({ seed: FUZZ_SEED, numRuns: fuzzRounds(rounds) });

  describe(name, () => {
    test('what was written is read', () => {
      fc.assert(
        fc.property(codec.arbitrary, (value) => {
          expect(codec.decode(codec.encode(value), value)).toEqual(codec.plain(value));
        }),
        options(),
      );
    });

    test('every beginning is refused', { timeout: 60_000 }, () => {
      fc.assert(
        fc.property(codec.arbitrary, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (value, share) => {
          const bytes = codec.encode(value);
          const cut = bytes.slice(0, Math.floor(bytes.length * share));
          expect(isRefused(() => codec.decode(cut, value)), `${cut.length} of ${bytes.length} bytes`).toBe(true);
        }),
        options(),
      );
    });

    test('a bit that flips, and a byte too many', { timeout: 60_000 }, () => {
      fc.assert(
        fc.property(codec.arbitrary, fc.nat(), (value, at) => {
          const bytes = codec.encode(value);
          const damaged = bytes.slice();
          const bit = at % (bytes.length * 8);
          damaged[bit >> 3]! ^= 1 << (bit & 7);
          const isNoticed = isRefused(() => codec.decode(damaged, value));
          const isTooLongNoticed = isRefused(() => codec.decode(joined(bytes, Uint8Array.of(at)), value));
          if (codec.isChecked) expect(isNoticed, `bit ${bit & 7} of byte ${bit >> 3}`).toBe(true);
          if (codec.isOpenEnded !== true) expect(isTooLongNoticed, 'a byte too many').toBe(true);
        }),
        options(),
      );
    });

    test('hostile bytes', { timeout: 60_000 }, () => {
      fc.assert(fc.property(codec.arbitrary, fc.uint8Array({ maxLength: 200 }), (value, bytes) => void isRefused(() => codec.decode(bytes, value))), options());
    });

    test('hostile bytes in the middle of good ones', { timeout: 60_000 }, () => {
      fc.assert(
        fc.property(codec.arbitrary, fc.nat(), fc.nat(30), fc.uint8Array({ maxLength: 30 }), (value, at, removed, added) => {
          const bytes = codec.encode(value);
          const from = at % (bytes.length + 1);
          const damaged = joined(bytes.subarray(0, from), added, bytes.subarray(from + removed));
          codec.reseal?.(damaged);
          isRefused(() => codec.decode(damaged, value));
        }),
        options(ROUNDS * 4),
      );
    });
  });
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whether it throws an error of ours; any other exception gets out. */
function isRefused(decode: () => unknown): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    if (error instanceof DecodeError || error instanceof DamagedRowError || (error instanceof Error && error.name === 'Error')) return true;
    throw error;
  }
}
