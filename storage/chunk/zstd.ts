import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader, varintLength, writeVarint } from '../../proto/varint.ts';
import { messageOf } from '../runtime/errors.ts';

/**
 * zstd over bytes of any length, as blocks: varint count of blocks, then per block varint compressed bytes and the block.
 *
 * Blocks, because workerd's one-shot compressor fails ("Unexpected end of file") when its output is larger than 40,960 bytes, and its
 * decompressor when the given bound is just above the true length (both seen with workerd 1.20261023.1). Incompressible input grows by
 * less than a hundredth, so a block of this many plain bytes always stays below.
 */
export const ZSTD_BLOCK_BYTES = 32 * 1024;

/** Level 1: on metrics columns, level 3 costs twice the CPU and saves about 3 %. */
const COMPRESS_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** The whole block in one chunk: the default makes two of it, and copies them. */
const DECOMPRESS_OPTIONS = { maxOutputLength: ZSTD_BLOCK_BYTES * 2, chunkSize: ZSTD_BLOCK_BYTES };

/** The other direction of `decompressBlocks`. */
export function compress(plain: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let start = 0; start < plain.length; start += ZSTD_BLOCK_BYTES) {
    blocks.push(zstdCompressSync(plain.subarray(start, start + ZSTD_BLOCK_BYTES), COMPRESS_OPTIONS));
  }
  const length = blocks.reduce((sum, block) => sum + varintLength(block.length) + block.length, varintLength(blocks.length));
  const bytes = new Uint8Array(length);
  let position = writeVarint(bytes, 0, blocks.length);
  for (const block of blocks) {
    position = writeVarint(bytes, position, block.length);
    bytes.set(block, position);
    position += block.length;
  }
  return bytes;
}

/** The plain bytes, which must be exactly `plainLength`. `where` names the place in errors. */
export function decompress(compressed: Uint8Array, plainLength: number, where: string): Uint8Array {
  const blocks = decompressBlocks(compressed, plainLength, where);
  if (plainLength > 0 && plainLength <= ZSTD_BLOCK_BYTES) {
    const [block] = [...blocks];
    return block!;
  }
  const plain = new Uint8Array(plainLength);
  let length = 0;
  for (const block of blocks) {
    plain.set(block, length);
    length += block.length;
  }
  return plain;
}

/** The same a block at a time, each of which is the caller's: for those who need not have all at once. */
export function decompressBlocks(compressed: Uint8Array, plainLength: number, where: string): Generator<Uint8Array> {
  const reader = new ByteReader(compressed);
  const blockCount = reader.varint();
  // At once, before anybody takes memory for them.
  if (blockCount !== Math.ceil(plainLength / ZSTD_BLOCK_BYTES)) throw new Error(`${where}: ${blockCount} blocks for ${plainLength} bytes`);
  return blocksOf(reader, blockCount, plainLength, where);
}

function* blocksOf(reader: ByteReader, blockCount: number, plainLength: number, where: string): Generator<Uint8Array> {
  let length = 0;
  for (let i = 0; i < blockCount; i++) {
    const block = decompressBlock(reader.take(reader.varint()), where);
    length += block.length;
    if (length > plainLength) throw new Error(`${where}: more than the ${plainLength} bytes that were stored`);
    yield block;
  }
  if (length !== plainLength) throw new Error(`${where}: ${length} bytes, want ${plainLength}`);
}

function decompressBlock(block: Uint8Array, where: string): Uint8Array {
  try {
    return zstdDecompressSync(block, DECOMPRESS_OPTIONS);
  } catch (error) {
    throw new Error(`${where}: ${messageOf(error)}`, { cause: error });
  }
}
