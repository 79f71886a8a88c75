/** One series' samples on their way out of the log or out of segments: growing columns, reused from series to series. */
export class SampleRun {
  length = 0;
  timestampsMs = new Float64Array(1024);
  /** Two views of the same bytes; bits are what is copied, so that stale markers survive. */
  values = new Float64Array(1024);
  bits = new Uint32Array(this.values.buffer);

  clear(): void {
    this.length = 0;
  }

  reserve(length: number): void {
    if (length <= this.timestampsMs.length) return;
    const capacity = Math.max(length, this.timestampsMs.length * 2);
    const timestampsMs = new Float64Array(capacity);
    timestampsMs.set(this.timestampsMs.subarray(0, this.length));
    const bits = new Uint32Array(capacity * 2);
    bits.set(this.bits.subarray(0, this.length * 2));
    this.timestampsMs = timestampsMs;
    this.bits = bits;
    this.values = new Float64Array(bits.buffer);
  }

  /**
   * Puts the samples in order of time, one for each timestamp. Of several with the same timestamp the one accepted last stays: samples
   * are appended in the order of acceptance, and the sort is stable.
   */
  settle(): void {
    const { timestampsMs, length } = this;
    let isRising = true;
    for (let i = 1; i < length && isRising; i++) isRising = timestampsMs[i]! > timestampsMs[i - 1]!;
    if (isRising) return;
    const order = Array.from({ length }, (_, i) => i).sort((a, b) => timestampsMs[a]! - timestampsMs[b]! || a - b);
    const kept = order.filter((entry, i) => i + 1 === length || timestampsMs[order[i + 1]!] !== timestampsMs[entry]);
    const sortedTimes = Float64Array.from(kept, (entry) => timestampsMs[entry]!);
    const sortedBits = new Uint32Array(kept.length * 2);
    kept.forEach((entry, i) => {
      sortedBits[i * 2] = this.bits[entry * 2]!;
      sortedBits[i * 2 + 1] = this.bits[entry * 2 + 1]!;
    });
    timestampsMs.set(sortedTimes);
    this.bits.set(sortedBits);
    this.length = kept.length;
  }
}
