import type { RolledUp } from './bucket-fold.ts';
import { QuantileSketch } from '../model/quantile-sketch.ts';
import type { PendingRead } from './pending-read.ts';
import type { SeriesCursor } from './series-cursor.ts';
import { addSketchEntry } from './sketch-samples.ts';

/** The series of a roll-up's sketches: see sketch-samples.ts. */
export interface SketchCursors {
  readonly sizes: SeriesCursor;
  readonly entries: SeriesCursor;
}

/**
 * Walks the roll-ups of one key and one width in order of time: the `count` series leads, the others follow. As with a SeriesCursor, what it
 * waits for comes first.
 */
export class RolledUpCursor implements PendingRead {
  readonly widthMs: number;
  readonly #counts: SeriesCursor;
  readonly #others: ReadonlyMap<string, SeriesCursor>;
  readonly #sketches: SketchCursors | undefined;

  constructor(widthMs: number, counts: SeriesCursor, others: ReadonlyMap<string, SeriesCursor>, sketches: SketchCursors | undefined) {
    this.widthMs = widthMs;
    this.#counts = counts;
    this.#others = others;
    this.#sketches = sketches;
  }

  get isWaiting(): boolean {
    return this.#counts.isWaiting;
  }

  load(): void | Promise<void> {
    return this.#counts.load();
  }

  /** Start of the bucket that the cursor stands on; Infinity behind the last one. */
  get startMs(): number {
    return this.#counts.timestampMs;
  }

  get count(): number {
    return this.#counts.value;
  }

  /** The bucket's aggregates. */
  *bucket(): Generator<PendingRead, RolledUp> {
    const { startMs } = this;
    const bucket = new Map([['count', this.#counts.value]]);
    for (const [name, cursor] of this.#others) {
      yield* cursor.skipTo(startMs);
      if (cursor.timestampMs === startMs) bucket.set(name, cursor.value);
    }
    return Object.assign(bucket, { sketch: this.#sketches && (yield* sketchAt(this.#sketches, startMs)) });
  }

  skipTo(timestampMs: number): Generator<PendingRead, void> {
    return this.#counts.skipTo(timestampMs);
  }

  advance(): void {
    this.#counts.advance();
  }
}

/** Undefined when the bucket has none. */
function* sketchAt({ sizes, entries }: SketchCursors, startMs: number): Generator<PendingRead, QuantileSketch | undefined> {
  yield* sizes.skipTo(startMs);
  if (sizes.timestampMs !== startMs) return undefined;
  const sketch = new QuantileSketch();
  for (let i = 0; i < sizes.value; i++) {
    yield* entries.skipTo(startMs + i);
    if (entries.timestampMs !== startMs + i) return undefined;
    addSketchEntry(sketch, entries.value);
  }
  return sketch;
}
