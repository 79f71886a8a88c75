import snappyjs from 'snappyjs';
import { DecodeError } from './decode-error.ts';

/**
 * Snappy's block format (google/snappy `format_description.txt`), not the framed one: what remote write uses.
 *
 * Two decoders behind one function type: hysnappy's WebAssembly where it can be instantiated, and snappyjs elsewhere.
 */
export type SnappyDecode = (compressed: Uint8Array) => Uint8Array;

/** The declared length of the plain bytes: a varint of at most 32 bits in front. It is the sender's claim and is checked against `maxBytes`, which the message may name. */
export function snappyPlainLength(compressed: Uint8Array, maxBytes: number, limitName?: string): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = compressed[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (length > maxBytes) throw new DecodeError(`snappy: the declared length of ${length} bytes is above the limit ${limitName === undefined ? '' : `${limitName} `}of ${maxBytes}`);
      // No element makes more than 64 bytes out of 3: more than 32:1 cannot be honest, and must not cost memory.
      if (length > compressed.length * 32) {
        throw new DecodeError(`snappy: the declared length of ${length} bytes cannot come out of ${compressed.length}`);
      }
      return length;
    }
  }
  throw new DecodeError('snappy: the length in front is not a 32-bit varint');
}

export function snappyJsDecoder(maxBytes: number, limitName?: string): SnappyDecode {
  return (compressed) => {
    snappyPlainLength(compressed, maxBytes, limitName);
    checkElements(compressed);
    try {
      return snappyjs.uncompress(compressed, maxBytes);
    } catch (error) {
      // It wants three bytes behind the tag of a long literal, which a short literal with a needlessly long length may not have.
      throw new DecodeError('snappy: corrupt input', { cause: error });
    }
  };
}

export function snappyEncode(plain: Uint8Array): Uint8Array {
  return snappyjs.compress(plain);
}

/** hysnappy's memory below this is the module's own. */
const WASM_INPUT_START = 68_000;
const WASM_PAGE_BYTES = 65_536;
/** Past this the instance is thrown away after use: WebAssembly memory never shrinks, and one large body must not keep 64 MiB for good. */
const WASM_KEEP_BYTES = 8 * 1024 * 1024;

interface SnappyExports {
  readonly memory: WebAssembly.Memory;
  uncompress(inputStart: number, inputLength: number, outputStart: number): number;
}

/**
 * A decoder over hysnappy's WebAssembly module. **The answer is a view into its memory and is overwritten by the next call**: whoever
 * needs the bytes across an `await` copies them or decodes again.
 */
export function snappyWasmDecoder(module: WebAssembly.Module, maxBytes: number, limitName?: string): SnappyDecode {
  const instantiate = (): SnappyExports => new WebAssembly.Instance(module).exports as unknown as SnappyExports;
  let exports = instantiate();
  return (compressed) => {
    const plainLength = snappyPlainLength(compressed, maxBytes, limitName);
    if (plainLength === 0) {
      checkElements(compressed);
      return new Uint8Array(0);
    }
    if (exports.memory.buffer.byteLength > WASM_KEEP_BYTES) exports = instantiate();
    const outputStart = (WASM_INPUT_START + compressed.length + 7) & ~7;
    // Literals are copied in blocks: leave room behind the output.
    const missing = outputStart + plainLength + 64 - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    const memory = new Uint8Array(exports.memory.buffer);
    memory.set(compressed, WASM_INPUT_START);
    let status: number;
    try {
      status = exports.uncompress(WASM_INPUT_START, compressed.length, outputStart);
    } catch (error) {
      // A trap leaves the instance's memory in an unknown state.
      exports = instantiate();
      throw new DecodeError('snappy: corrupt input', { cause: error });
    }
    if (status !== 0) {
      // Which says where; the module's codes say little.
      checkElements(compressed);
      throw new DecodeError('snappy: corrupt input');
    }
    return memory.subarray(outputStart, outputStart + plainLength);
  };
}

/**
 * Walks the elements without copying and checks that they make exactly the declared length and never reach outside. snappyjs itself
 * stops short or leaves zeros instead of complaining.
 */
function checkElements(compressed: Uint8Array): void {
  let position = 0;
  let declared = 0;
  for (let shift = 0; ; shift++) {
    const byte = compressed[position++]!;
    declared += (byte & 0x7f) * 2 ** (7 * shift);
    if (byte < 0x80) break;
  }
  let written = 0;
  const corrupt = (): DecodeError => new DecodeError(`snappy: corrupt input at byte ${position}`);
  while (position < compressed.length) {
    const tag = compressed[position++]!;
    if ((tag & 3) === 0) {
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const lengthBytes = length - 60;
        if (position + lengthBytes > compressed.length) throw corrupt();
        length = 1;
        for (let i = 0; i < lengthBytes; i++) length += compressed[position + i]! * 2 ** (8 * i);
        position += lengthBytes;
      }
      position += length;
      written += length;
      if (position > compressed.length) throw corrupt();
    } else {
      const offsetBytes = (tag & 3) === 1 ? 1 : (tag & 3) === 2 ? 2 : 4;
      if (position + offsetBytes > compressed.length) throw corrupt();
      let offset = (tag & 3) === 1 ? (tag >>> 5) * 256 : 0;
      for (let i = 0; i < offsetBytes; i++) offset += compressed[position + i]! * 2 ** (8 * i);
      position += offsetBytes;
      if (offset === 0 || offset > written) throw corrupt();
      written += (tag & 3) === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    }
    if (written > declared) throw corrupt();
  }
  if (written !== declared) throw corrupt();
}
