import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

/*
 * Node's zstd, for a test file that imports this one, remembers its answers. A crash test writes and reads the same few pages at each of hundreds
 * of calls, and most of what a small page takes is the making of the compressor. What it answers is what it would answer anyway, each time as
 * bytes of the caller's own. Not for tests that weigh memory.
 */
const BYTES_MAX = 16 << 20;

type Compressor = (input: Uint8Array, options?: zlib.ZstdOptions) => NonSharedBuffer;

function remembered(compress: Compressor): Compressor {
  const known = new Map<string, Uint8Array>();
  let bytes = 0;
  return (input, options) => {
    const key = `${options?.maxOutputLength} ${JSON.stringify(options?.params)} ${Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('latin1')}`;
    let output = known.get(key);
    if (output === undefined) {
      output = compress(input, options);
      if ((bytes += key.length + output.length) > BYTES_MAX) {
        known.clear();
        bytes = key.length + output.length;
      }
      known.set(key, output);
    }
    return Buffer.from(new Uint8Array(output).buffer);
  };
}

zlib.zstdCompressSync = remembered(zlib.zstdCompressSync as Compressor) as typeof zlib.zstdCompressSync;
zlib.zstdDecompressSync = remembered(zlib.zstdDecompressSync as Compressor) as typeof zlib.zstdDecompressSync;
syncBuiltinESMExports();
