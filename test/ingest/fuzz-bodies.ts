import { constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { ContentEncoding } from '../../ingest/decompress.ts';
import { maskedCrc32c } from '../../proto/snappy-framed.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { assert } from '../../storage/runtime/assert.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { SeededRandom } from '../fakes/seeded-random.ts';
import { mutate, spliced } from '../proto/fuzz-bytes.ts';
import { fuzz } from '../proto/fuzz-loop.ts';

/*
 * Mutations of compressed bodies: each comes out or is refused in our own words, nothing is longer than its limit, nothing takes long, and what is
 * valid comes out as before.
 */
export const BYTES_MAX = 2000;

const PLAIN = [
  Buffer.from(Array.from({ length: 30 }, (_, i) => `up{i="${i}"} ${i * i * 7919}\n`).join('')),
  Buffer.alloc(1999, 'ab'),
  Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 2654435761) >>> 24)),
  Buffer.from('x'),
];

/** The first half in a block, the second as it is. */
function framed(plain: Buffer): Buffer {
  const chunk = (type: number, part: Buffer, content: Uint8Array): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(type + (content.length + 4) * 256);
    head.writeUInt32LE(maskedCrc32c(part), 4);
    return Buffer.concat([head, content]);
  };
  const [first, second] = [plain.subarray(0, plain.length >> 1), plain.subarray(plain.length >> 1)];
  return Buffer.concat([Buffer.from([0xff, 6, 0, 0]), Buffer.from('sNaPpY'), chunk(0, first, snappyEncode(first)), chunk(1, second, second)]);
}

const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

export interface Format {
  readonly encoding: ContentEncoding;
  readonly pack: (plain: Buffer) => Uint8Array;
}

export const FORMATS: Readonly<Record<string, Format>> = {
  gzip: { encoding: 'gzip', pack: (plain) => gzipSync(plain) },
  deflate: { encoding: 'deflate', pack: (plain) => deflateSync(plain) },
  'deflate without a header': { encoding: 'deflate', pack: (plain) => deflateRawSync(plain) },
  zstd: { encoding: 'zstd', pack: (plain) => zstdCompressSync(plain) },
  'zstd in frames': { encoding: 'zstd', pack: (plain) => Buffer.concat([zstdCompressSync(plain.subarray(0, 100), checksummed), zstdCompressSync(plain.subarray(100))]) },
  snappy: { encoding: 'snappy', pack: (plain) => snappyEncode(plain) },
  'framed snappy': { encoding: 'snappy', pack: framed },
};

export async function fuzzBodies(name: string, { encoding, pack }: Format, rounds: number, unpack: (body: Uint8Array, encoding: ContentEncoding) => Uint8Array | Promise<Uint8Array>): Promise<void> {
  const packed = PLAIN.map(pack);
  const check = async (): Promise<void> => {
    for (const [i, body] of packed.entries()) assert(Buffer.compare(await unpack(body, encoding), PLAIN[i]!) === 0, 'what is valid comes out as another');
  };
  const take = async (body: Uint8Array): Promise<boolean> => {
    try {
      assert((await unpack(body, encoding)).length <= BYTES_MAX, 'longer than its limit');
      return true;
    } catch (error) {
      if (error instanceof VarveError && (error.kind === 'bad-data' || error.kind === 'too-large')) return false;
      throw error;
    }
  };
  const next = (random: SeededRandom): Uint8Array => (random.oneIn(8) ? spliced(packed, random) : mutate(random.pick(packed), random));
  await fuzz({ name, rounds, next, take, check });
}
