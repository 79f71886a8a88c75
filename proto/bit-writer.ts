/** Writes bits into growing bytes, the highest bit of a byte first; zeros fill the last byte. */
export class BitWriter {
  #bytes = new Uint8Array(512);
  #bits = 0;

  clear(): void {
    this.#bytes.fill(0, 0, (this.#bits + 7) >>> 3);
    this.#bits = 0;
  }

  /** The lowest `count` bits of a number, at most 32. */
  write(value: number, count: number): void {
    if ((this.#bits + count + 7) >>> 3 >= this.#bytes.length) this.#grow();
    for (let left = count; left > 0; ) {
      const room = 8 - (this.#bits & 7);
      const taken = Math.min(room, left);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      const at = this.#bits >>> 3;
      this.#bytes[at] = this.#bytes[at]! | (part << (room - taken));
      this.#bits += taken;
      left -= taken;
    }
  }

  /** The lowest `count` bits, 33 to 64, of a safe integer in two's complement. */
  writeLong(value: number, count: number): void {
    this.write(Math.floor(value / 2 ** 32), count - 32);
    this.write(value, 32);
  }

  /** A base-128 varint of an unsigned integer below 2^53. */
  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.write((rest % 0x80) | 0x80, 8);
    this.write(rest, 8);
  }

  double(value: number): void {
    scratch.setFloat64(0, value);
    this.write(scratch.getUint32(0), 32);
    this.write(scratch.getUint32(4), 32);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, (this.#bits + 7) >>> 3);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

const scratch = new DataView(new ArrayBuffer(8));
