import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter } from '../../storage/chunk/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzRounds, mutate } from '../proto/fuzz-bytes.ts';

/** A codec of one column. Values are compared as bits, so a column is one too: two words an entry, the low one first. */
export interface ColumnCodec {
  encode(bits: Uint32Array, start: number, end: number, out: ColumnWriter): void;
  decode(reader: ByteReader, count: number): Uint32Array;
}

/**
 * What every column codec owes: the very bits come back, from the middle of an array too and one column behind the other; the decoder
 * takes exactly what the encoder wrote; a column cut off anywhere is a DecodeError; a damaged one is a DecodeError or some column of the
 * same length (the checksum around it, see the segment tests, is what notices), but never another exception or an endless loop.
 */
export function describeColumnCodec(name: string, codec: ColumnCodec, columns: Readonly<Record<string, Uint32Array>>): void {
  const encode = (bits: Uint32Array): Uint8Array => {
    const out = new ColumnWriter(1);
    codec.encode(bits, 0, bits.length / 2, out);
    return out.written().slice();
  };

  describe(name, () => {
    test.each(Object.keys(columns))('%s', (column) => {
      const bits = columns[column]!;
      const count = bits.length / 2;
      const reader = new ByteReader(encode(bits));
      expect(firstDifference(codec.decode(reader, count), bits)).toBe(-1);
      expect(reader.done, 'bytes left over').toBe(true);
    });

    test('from the middle of an array, and one behind the other', () => {
      const all = Object.values(columns);
      const out = new ColumnWriter(1);
      for (const bits of all) {
        const framed = new Uint32Array(bits.length + 10).fill(0xdeadbeef);
        framed.set(bits, 6);
        codec.encode(framed, 3, 3 + bits.length / 2, out);
      }
      const reader = new ByteReader(out.written());
      all.forEach((bits, i) => expect(firstDifference(codec.decode(reader, bits.length / 2), bits), Object.keys(columns)[i]).toBe(-1));
      expect(reader.done).toBe(true);
    });

    test('cut off at any byte', { timeout: 30_000 }, () => {
      for (const [column, bits] of Object.entries(columns)) {
        const bytes = encode(bits);
        // Of long columns a few places must do.
        const step = bytes.length < 1000 ? 1 : Math.floor(bytes.length / 50);
        for (let length = bytes.length - 1; length >= 0; length -= step) {
          expect(() => codec.decode(new ByteReader(bytes, 0, length), bits.length / 2), `${column}, ${length} bytes`).toThrow(DecodeError);
        }
      }
    });

    test('damaged', { timeout: 600_000 }, () => {
      const random = new SeededRandom(FUZZ_SEED);
      const originals = Object.values(columns).filter((bits) => bits.length <= 400).map((bits) => ({ count: bits.length / 2, encoded: encode(bits) }));
      for (let round = 0; round < fuzzRounds(20_000); round++) {
        const { count, encoded } = random.pick(originals);
        const bytes = mutate(encoded, random);
        try {
          expect(codec.decode(new ByteReader(bytes), count).length).toBe(count * 2);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(bytes).toString('hex')}: ${String(error)}`, { cause: error });
        }
      }
    });
  });
}

function firstDifference(got: Uint32Array, wanted: Uint32Array): number {
  if (got.length !== wanted.length) return Math.min(got.length, wanted.length);
  return got.findIndex((word, i) => word !== wanted[i]);
}
