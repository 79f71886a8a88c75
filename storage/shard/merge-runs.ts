import { assert } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { SealedRun } from './compact-plan.ts';
import { SampleRun } from './sample-run.ts';
import type { SegmentReader } from './segment-reader.ts';
import { PIECE_SAMPLES_MAX, SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { Segments } from './segments.ts';
import type { SeriesIndex } from './series-index.ts';

export type MergeLimits = SegmentRowLimits & Pick<typeof LIMITS, 'mergeStepSamples'>;

/** What a piece costs beside its samples, in samples. */
const PIECE_COST_SAMPLES = 32;

/** Of a cursor that is through. */
const NO_REF = -1;

/** Handed out between two rows whenever a step's worth of samples has gone by. */
export const PAUSE = undefined;

/**
 * The samples of neighbouring runs as the rows of one: series in label order, each with its samples in the order of time, of equal
 * timestamps the one of the last run, without what lies below the floor. One row of each run is open at a time, and of a series no more
 * than a piece and what overlaps it in time, however many samples it has.
 */
export function* mergeRuns(segments: Segments, runs: readonly SealedRun[], index: SeriesIndex, limits: MergeLimits): Generator<SealedRow | typeof PAUSE> {
  const cursors = runs.map((run, i) => new RunCursor(segments, run, i));
  const writer = new SegmentRowsWriter(limits);
  const run = new SampleRun();
  const { refs } = index.labelOrder();
  const isMerged = refsOf(segments, runs, index.refLimit);
  // Putting many new series in order is a step's worth of work itself.
  yield PAUSE;
  let samplesLeft = limits.mergeStepSamples;
  for (const ref of refs) {
    if (isMerged[ref] === 0) continue;
    const metric = index.metricNameOf(ref);
    const taken = takeInOrder(cursors, ref, segments.floorMs, run);
    samplesLeft -= taken;
    for (let pieces = taken > 0 ? [] : takePieces(cursors, ref); pieces.length > 0; pieces = takePieces(cursors, ref)) {
      for (const { reader, position } of pieces) {
        reader.append(position, segments.floorMs, run);
        samplesLeft -= reader.sampleCount(position) + PIECE_COST_SAMPLES;
      }
      run.settle();
      const full = run.length - (run.length % PIECE_SAMPLES_MAX);
      if (full > 0) {
        if (writer.add(ref, metric, run, 0, full)) yield* writer.take();
        run.dropFirst(full);
      }
      if (samplesLeft > 0) continue;
      yield PAUSE;
      samplesLeft = limits.mergeStepSamples;
    }
    if (writer.add(ref, metric, run, 0, run.length)) yield* writer.take();
    run.clear();
    if (samplesLeft > 0) continue;
    yield PAUSE;
    samplesLeft = limits.mergeStepSamples;
  }
  assert(cursors.every((cursor) => cursor.isDone), 'a run that is not in label order');
  yield* writer.finish();
}

/** By ref: 1 when it is in one of the runs. */
function refsOf(segments: Segments, runs: readonly SealedRun[], refLimit: number): Uint8Array {
  const isMerged = new Uint8Array(refLimit);
  for (const { rows } of runs) {
    for (const info of rows) {
      const edges = segments.refsOf(info);
      for (let i = 0; i < edges.length; i += 2) isMerged.fill(1, edges[i], edges[i + 1]);
    }
  }
  return isMerged;
}

/**
 * What nearly all series are: one piece a run, each later than the one before, and all of them together no more than a piece. Appends them
 * and answers what that costs, in samples; 0 with nothing done when the series is of another kind.
 */
function takeInOrder(cursors: readonly RunCursor[], ref: number, floorMs: number, run: SampleRun): number {
  let samples = 0;
  let pieces = 0;
  let lastMs = -Infinity;
  for (const cursor of cursors) {
    if (!cursor.isAt(ref)) continue;
    if (cursor.hasMoreOf(ref) || cursor.firstMs <= lastMs) return 0;
    lastMs = cursor.lastMs;
    samples += cursor.sampleCount;
    pieces++;
  }
  if (samples > PIECE_SAMPLES_MAX) return 0;
  for (const cursor of cursors) {
    if (!cursor.isAt(ref)) continue;
    cursor.reader.append(cursor.position, floorMs, run);
    cursor.step();
  }
  return samples + pieces * PIECE_COST_SAMPLES;
}

/** A series at a position of an open row of a run. */
interface OpenPiece {
  readonly run: number;
  readonly reader: SegmentReader;
  readonly position: number;
}

/**
 * The next pieces of a series: the one that begins first, and all that overlap it or one another in time, so that whatever comes behind them
 * is later than all of them. In the order of the runs, which is that of precedence. None when the series is through.
 */
function takePieces(cursors: readonly RunCursor[], ref: number): readonly OpenPiece[] {
  let untilMs = Infinity;
  for (const cursor of cursors) if (cursor.isAt(ref)) untilMs = Math.min(untilMs, cursor.firstMs);
  const taken: OpenPiece[] = [];
  for (let before = -1; taken.length > before; ) {
    before = taken.length;
    for (const cursor of cursors) {
      while (cursor.isAt(ref) && cursor.firstMs <= untilMs) {
        untilMs = Math.max(untilMs, cursor.lastMs);
        taken.push({ run: cursor.index, reader: cursor.reader, position: cursor.position });
        cursor.step();
      }
    }
  }
  return taken.length > 1 ? taken.sort((a, b) => a.run - b.run) : taken;
}

/** Walks through the pieces of a run, row by row. */
class RunCursor {
  readonly #segments: Segments;
  readonly #run: SealedRun;
  /** Of the run among those that are merged. */
  readonly index: number;
  #row = 0;
  reader: SegmentReader;
  /** Of the piece at the cursor. */
  position = 0;
  /** Of that piece; NO_REF behind the last one. */
  #ref: number;
  #timesMs: Float64Array;

  constructor(segments: Segments, run: SealedRun, index: number) {
    this.#segments = segments;
    this.index = index;
    this.#run = run;
    this.reader = segments.open(run.rows[0]!, false);
    this.#ref = this.reader.refs[0]!;
    this.#timesMs = this.reader.timestampsMs(0);
  }

  get isDone(): boolean {
    return this.#ref === NO_REF;
  }

  isAt(ref: number): boolean {
    return this.#ref === ref;
  }

  /** Whether the piece at the cursor, which is of the series, may not be its last one. */
  hasMoreOf(ref: number): boolean {
    const next = this.position + 1;
    // The next row may go on with it.
    return next === this.reader.refs.length ? this.#row + 1 < this.#run.rows.length : this.reader.refs[next] === ref;
  }

  get firstMs(): number {
    return this.#timesMs[0]!;
  }

  get lastMs(): number {
    return this.#timesMs[this.#timesMs.length - 1]!;
  }

  get sampleCount(): number {
    return this.#timesMs.length;
  }

  /** On to the next piece. */
  step(): void {
    this.position++;
    if (this.position === this.reader.refs.length) {
      this.#row++;
      this.position = 0;
      if (this.#row === this.#run.rows.length) {
        this.#ref = NO_REF;
        return;
      }
      this.reader = this.#segments.open(this.#run.rows[this.#row]!, false);
    }
    this.#ref = this.reader.refs[this.position]!;
    this.#timesMs = this.reader.timestampsMs(this.position);
  }
}
