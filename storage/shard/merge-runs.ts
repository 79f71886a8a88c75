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
  const refs = index.sortByLabels([...refsOf(segments, runs)]);
  // Putting many series in order is a step's worth of work itself.
  yield PAUSE;
  let samplesLeft = limits.mergeStepSamples;
  for (const ref of refs) {
    const metric = index.metricNameOf(ref);
    for (let pieces = takePieces(cursors, ref); pieces.length > 0; pieces = takePieces(cursors, ref)) {
      for (const { reader, position } of pieces) {
        reader.append(position, segments.floorMs, run);
        samplesLeft -= reader.sampleCount(position) + PIECE_COST_SAMPLES;
      }
      run.settle();
      const full = run.length - (run.length % PIECE_SAMPLES_MAX);
      if (full > 0) {
        yield* writer.add(ref, metric, run, 0, full);
        run.dropFirst(full);
      }
      if (samplesLeft > 0) continue;
      yield PAUSE;
      samplesLeft = limits.mergeStepSamples;
    }
    yield* writer.add(ref, metric, run, 0, run.length);
    run.clear();
  }
  assert(cursors.every((cursor) => cursor.isDone), 'a run that is not in label order');
  yield* writer.finish();
}

function refsOf(segments: Segments, runs: readonly SealedRun[]): Set<number> {
  const refs = new Set<number>();
  for (const { rows } of runs) {
    for (const info of rows) {
      const edges = segments.refsOf(info);
      for (let i = 0; i < edges.length; i += 2) for (let ref = edges[i]!; ref < edges[i + 1]!; ref++) refs.add(ref);
    }
  }
  return refs;
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
        taken.push(cursor.take());
      }
    }
  }
  return taken.length > 1 ? taken.sort((a, b) => a.run - b.run) : taken;
}

/** Walks through the pieces of a run, row by row. */
class RunCursor {
  readonly #segments: Segments;
  readonly #run: SealedRun;
  readonly #index: number;
  #row = 0;
  #reader: SegmentReader;
  #position = 0;
  /** Of the piece at the cursor, once they were needed. */
  #timesMs: Float64Array | undefined;

  /** `index` is the run's among those that are merged. */
  constructor(segments: Segments, run: SealedRun, index: number) {
    this.#segments = segments;
    this.#index = index;
    this.#run = run;
    this.#reader = segments.open(run.rows[0]!, false);
  }

  get isDone(): boolean {
    return this.#row === this.#run.rows.length;
  }

  isAt(ref: number): boolean {
    return !this.isDone && this.#reader.refs[this.#position] === ref;
  }

  /** Of the piece at the cursor. */
  get firstMs(): number {
    return (this.#timesMs ??= this.#reader.timestampsMs(this.#position))[0]!;
  }

  get lastMs(): number {
    const timesMs = (this.#timesMs ??= this.#reader.timestampsMs(this.#position));
    return timesMs[timesMs.length - 1]!;
  }

  /** The piece at the cursor, which moves behind it. */
  take(): OpenPiece {
    const piece = { run: this.#index, reader: this.#reader, position: this.#position };
    this.#timesMs = undefined;
    this.#position++;
    if (this.#position === this.#reader.refs.length) {
      this.#row++;
      this.#position = 0;
      if (!this.isDone) this.#reader = this.#segments.open(this.#run.rows[this.#row]!, false);
    }
    return piece;
  }
}
