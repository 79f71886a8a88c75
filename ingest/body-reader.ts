import { LIMITS } from '../storage/runtime/limits.ts';

/** A piece that is less full than this share of its buffer is copied out of it, so that a sender of single bytes does not make each take a whole buffer. */
const KEPT_FULL_SHARE = 3 / 4;

/**
 * What arrives of a request's body, as it arrives, in pieces of up to `bodyPieceBytes`. The runtime reads into our buffers: by itself it would hand out pieces of
 * 4 KiB, and each is a promise and a call, which takes ten times as long as the bytes.
 */
export class BodyReader {
  readonly #reader: ReadableStreamBYOBReader;
  /** The buffer of a piece that was copied out of it. */
  #spare: ArrayBuffer | undefined;

  constructor(body: ReadableStream) {
    this.#reader = body.getReader({ mode: 'byob' });
  }

  /** The next piece, never empty, `undefined` behind the last. Whoever is given it may keep it: its buffer is at most a third larger, and nobody else's. */
  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read(new Uint8Array(this.#spare ?? new ArrayBuffer(LIMITS.bodyPieceBytes)));
      if (done) return undefined;
      // The view that was handed over is no longer good, and this is the same memory.
      const buffer = value.buffer as ArrayBuffer;
      const isKept = value.length >= buffer.byteLength * KEPT_FULL_SHARE;
      this.#spare = isKept ? undefined : buffer;
      if (value.length > 0) return isKept ? new Uint8Array(buffer, value.byteOffset, value.length) : new Uint8Array(value);
    }
  }

  /** Nothing more is wanted. The client's connection may have ended already. */
  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }
}
