import { assert } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { SealedRun } from './compact-plan.ts';
import { SampleRun } from './sample-run.ts';
import type { SegmentReader } from './segment-reader.ts';
import { PIECE_SAMPLES_MAX, SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { Segments } from './segments.ts';
import type { LabelOrder, SeriesIndex } from './series-index.ts';

export type MergeLimits = SegmentRowLimits & Pick<typeof LIMITS, 'mergeStepSamples'>;

/** What a piece costs beside its samples, and one in the directory of a row that is opened, in samples. */
const PIECE_COST_SAMPLES = 12;
const OPENED_COST_SAMPLES = 2;

/** Of a cursor that is through: behind all others. */
const NO_RANK = 0xffffffff;

/** Handed out between two rows whenever a step's worth of samples has gone by. */
export const PAUSE = undefined;

/**
 * The samples of neighbouring runs as the rows of one: series in label order, each with its samples in the order of time, of equal
 * timestamps the one of the last run, without what lies below the floor. One row of each run is open at a time, and of a series no more
 * than a piece and what overlaps it in time, however many samples it has. Throws DamagedSegmentError at a row that cannot be read.
 */
export function* mergeRuns(segments: Segments, runs: readonly SealedRun[], index: SeriesIndex, limits: MergeLimits): Generator<SealedRow | typeof PAUSE> {
  const order = index.labelOrder();
  const writer = new SegmentRowsWriter(limits);
  const run = new SampleRun();
  const cursors: RunCursor[] = [];
  // Putting many new series in order is a step's worth of work itself, and so are the first rows of all runs.
  yield PAUSE;
  let samplesLeft = limits.mergeStepSamples;
  for (const [i, sealed] of runs.entries()) {
    const cursor = new RunCursor(segments, sealed, i, order);
    cursors.push(cursor);
    samplesLeft -= cursor.openedCost();
    if (samplesLeft > 0) continue;
    yield PAUSE;
    samplesLeft = limits.mergeStepSamples;
  }
  for (let rank = leastRank(cursors); rank !== NO_RANK; rank = leastRank(cursors)) {
    const ref = order.refs[rank]!;
    const metric = index.metricName(order.metrics[rank]!);
    const taken = takeInOrder(cursors, rank, segments.floorMs, run);
    samplesLeft -= taken;
    for (let pieces = taken > 0 ? [] : takePieces(cursors, rank); pieces.length > 0; pieces = takePieces(cursors, rank)) {
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
    for (const cursor of cursors) samplesLeft -= cursor.openedCost();
    if (samplesLeft > 0) continue;
    yield PAUSE;
    samplesLeft = limits.mergeStepSamples;
  }
  yield* writer.finish();
}

/** Of the series that comes next in label order; NO_RANK when all cursors are through. */
function leastRank(cursors: readonly RunCursor[]): number {
  let least = NO_RANK;
  for (let i = 0; i < cursors.length; i++) if (cursors[i]!.rank < least) least = cursors[i]!.rank;
  return least;
}

/**
 * What nearly all series are: one piece a run, each later than the one before, and all of them together no more than a piece. Appends them
 * and answers what that costs, in samples; 0 with nothing done when the series is of another kind.
 */
function takeInOrder(cursors: readonly RunCursor[], rank: number, floorMs: number, run: SampleRun): number {
  let samples = 0;
  let pieces = 0;
  let lastMs = -Infinity;
  for (let i = 0; i < cursors.length; i++) {
    const cursor = cursors[i]!;
    if (cursor.rank !== rank) continue;
    if (cursor.mayHaveMore() || cursor.firstMs <= lastMs) return 0;
    lastMs = cursor.lastMs;
    samples += cursor.sampleCount;
    pieces++;
  }
  if (samples > PIECE_SAMPLES_MAX) return 0;
  for (let i = 0; i < cursors.length; i++) {
    const cursor = cursors[i]!;
    if (cursor.rank !== rank) continue;
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
function takePieces(cursors: readonly RunCursor[], rank: number): readonly OpenPiece[] {
  let untilMs = Infinity;
  for (const cursor of cursors) if (cursor.rank === rank) untilMs = Math.min(untilMs, cursor.firstMs);
  const taken: OpenPiece[] = [];
  for (let before = -1; taken.length > before; ) {
    before = taken.length;
    for (const cursor of cursors) {
      while (cursor.rank === rank && cursor.firstMs <= untilMs) {
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
  readonly #order: LabelOrder;
  /** Of the run among those that are merged. */
  readonly index: number;
  #row = 0;
  reader: SegmentReader;
  /** Of the piece at the cursor. */
  position = 0;
  /** Of that piece's series; NO_RANK behind the last one. */
  rank = 0;
  #timesMs!: Float64Array;
  /** What opening rows has cost since it was asked, in samples. */
  #openedCost = 0;

  constructor(segments: Segments, run: SealedRun, index: number, order: LabelOrder) {
    this.#segments = segments;
    this.index = index;
    this.#run = run;
    this.#order = order;
    this.reader = this.#openRow();
    this.#arrive();
  }

  /** Whether the piece at the cursor may not be the last one of its series. */
  mayHaveMore(): boolean {
    const { refs } = this.reader;
    const next = this.position + 1;
    // The next row may go on with it.
    return next === refs.length ? this.#row + 1 < this.#run.rows.length : refs[next] === refs[this.position];
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

  /** What opening rows has cost since it was asked last, in samples. */
  openedCost(): number {
    const cost = this.#openedCost;
    this.#openedCost = 0;
    return cost;
  }

  /** On to the next piece. */
  step(): void {
    this.position++;
    if (this.position === this.reader.refs.length) {
      this.#row++;
      this.position = 0;
      if (this.#row === this.#run.rows.length) {
        this.rank = NO_RANK;
        return;
      }
      this.reader = this.#openRow();
    }
    this.#arrive();
  }

  #openRow(): SegmentReader {
    const reader = this.#segments.open(this.#run.rows[this.#row]!, false);
    this.#openedCost += reader.refs.length * OPENED_COST_SAMPLES;
    return reader;
  }

  #arrive(): void {
    const { refs, ranks } = this.#order;
    const ref = this.reader.refs[this.position]!;
    const rank = ranks[ref]!;
    if (refs[rank] !== ref || rank < this.rank) assert(false, `series ${ref} in a run that is not in label order`);
    this.rank = rank;
    this.#timesMs = this.reader.timestampsMs(this.position);
  }
}
