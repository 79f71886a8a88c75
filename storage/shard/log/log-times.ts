/** Where the base lies below the first timestamp of a log: in the middle of what an offset reaches, 25 days to either side. */
const BELOW_FIRST_MS = 2 ** 31;
const OFFSET_MAX = 2 ** 32 - 1;
const NO_OFFSETS = new Uint32Array(0);

/** Timestamps by entry: the base and an offset, or, where `whole` is there, that alone. */
export interface LogTimeColumns {
  readonly baseMs: number;
  readonly offsets: Uint32Array;
  readonly whole: Float64Array | undefined;
}

/**
 * The log's timestamps by entry, Unix ms: four bytes each, as offsets to a base. A log that has a timestamp more than
 * 25 days from its first has them whole, in eight, until that one is gone.
 */
export class LogTimes {
  #baseMs = 0;
  #offsets: Uint32Array;
  #whole: Float64Array | undefined;

  constructor(room: number) {
    this.#offsets = new Uint32Array(room);
  }

  at(entry: number): number {
    return this.#whole === undefined ? this.#baseMs + this.#offsets[entry]! : this.#whole[entry]!;
  }

  /** What `at` looks at, for loops over many; good until the log changes. */
  columns(): LogTimeColumns {
    return { baseMs: this.#baseMs, offsets: this.#offsets, whole: this.#whole };
  }

  /** The least and the greatest time of the entries from `start` up to `end`, of which there is one. */
  range(start: number, end: number): readonly [minMs: number, maxMs: number] {
    if (this.#whole !== undefined) return rangeOf(this.#whole, start, end);
    const [least, greatest] = rangeOf(this.#offsets, start, end);
    return [this.#baseMs + least, this.#baseMs + greatest];
  }

  get #room(): number {
    return this.#whole?.length ?? this.#offsets.length;
  }

  /** Makes room for so many entries. */
  reserve(room: number): void {
    if (this.#whole !== undefined) {
      const longer = new Float64Array(room);
      longer.set(this.#whole);
      this.#whole = longer;
    } else {
      const longer = new Uint32Array(room);
      longer.set(this.#offsets);
      this.#offsets = longer;
    }
  }

  /** Sets those of `count` entries behind the first `start`, for which there is room. */
  append(timestampsMs: Float64Array, count: number, start: number): void {
    if (start === 0 && count > 0) this.#beginAt(timestampsMs[0]!);
    if (this.#whole === undefined) {
      const offsets = this.#offsets;
      const baseMs = this.#baseMs;
      let i = 0;
      for (; i < count; i++) {
        const offset = timestampsMs[i]! - baseMs;
        if (offset >>> 0 !== offset) break;
        offsets[start + i] = offset;
      }
      if (i === count) return;
      this.#becomeWhole(start);
    }
    this.#whole!.set(timestampsMs.subarray(0, count), start);
  }

  /** Forgets the first entries; the least and the greatest time of those behind them, up to `end`, are given. */
  dropFirst(count: number, end: number, minMs: number, maxMs: number): void {
    const left = end - count;
    const baseMs = baseFor(minMs);
    if (maxMs - baseMs > OFFSET_MAX) {
      this.#becomeWhole(end);
      this.#whole!.copyWithin(0, count, end);
      return;
    }
    if (this.#whole === undefined) moveOffsets(this.#offsets, count, left, this.#baseMs - baseMs, this.#offsets);
    else moveOffsets(this.#whole, count, left, -baseMs, (this.#offsets = new Uint32Array(this.#room)));
    this.#whole = undefined;
    this.#baseMs = baseMs;
  }

  /** For a log that is empty. */
  #beginAt(timestampMs: number): void {
    if (this.#whole !== undefined) {
      this.#offsets = new Uint32Array(this.#room);
      this.#whole = undefined;
    }
    this.#baseMs = baseFor(timestampMs);
  }

  #becomeWhole(count: number): void {
    if (this.#whole !== undefined) return;
    const whole = new Float64Array(this.#room);
    for (let entry = 0; entry < count; entry++) whole[entry] = this.at(entry);
    this.#whole = whole;
    this.#offsets = NO_OFFSETS;
  }
}

function rangeOf(column: Uint32Array | Float64Array, start: number, end: number): readonly [least: number, greatest: number] {
  let least = column[start]!;
  let greatest = least;
  for (let entry = start + 1; entry < end; entry++) {
    const time = column[entry]!;
    if (time < least) least = time;
    if (time > greatest) greatest = time;
  }
  return [least, greatest];
}

/** Forwards, so that it may be in place. */
function moveOffsets(from: Uint32Array | Float64Array, count: number, left: number, addedMs: number, to: Uint32Array): void {
  for (let entry = 0; entry < left; entry++) to[entry] = from[count + entry]! + addedMs;
}

function baseFor(timestampMs: number): number {
  return timestampMs - BELOW_FIRST_MS;
}
