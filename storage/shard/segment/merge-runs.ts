import type { LIMITS } from '../../runtime/limits.ts';
import { SampleRun } from '../run/sample-run.ts';
import type { SealedRun } from './compact-plan.ts';
import { NO_RANK, RunCursor } from './run-cursor.ts';
import { RunJoiner } from './run-joiner.ts';
import type { SealIndex } from './seal.ts';
import type { SegmentReader } from './segment-reader.ts';
import { PIECE_SAMPLES_MAX, SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { Segments } from './segments.ts';

export type MergeSource = Pick<Segments, 'open' | 'floorMs'>;
export type MergeLimits = SegmentRowLimits & Pick<typeof LIMITS, 'mergeStepSamples'>;

/** What a piece costs beside its samples, in samples. */
const PIECE_COST_SAMPLES = 12;

/** Handed out between two rows whenever a step's worth of samples has gone by. */
export const PAUSE = undefined;

/**
 * The samples of neighbouring runs as the rows of one: series in label order, each with its samples in the order of time, of equal
 * timestamps the one of the last run, without what lies below the floor. One row of each run is open at a time, and of a series no more
 * than a piece and what overlaps it in time, however many samples it has. Throws DamagedRowError at a row that cannot be read.
 */
export function* mergeRuns(segments: MergeSource, runs: readonly SealedRun[], index: SealIndex, limits: MergeLimits): Generator<SealedRow | typeof PAUSE> {
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
  const joiner = new RunJoiner(index, order, runs.length, segments.floorMs, writer);
  for (let rank = leastRank(cursors, 0); rank !== NO_RANK; rank = leastRank(cursors, 0)) {
    const joinedCost = joiner.join(cursors, rank, leastRank(cursors, rank + 1), samplesLeft);
    samplesLeft -= joinedCost;
    if (joinedCost === 0) {
      const ref = order.refs[rank]!;
      const metric = index.metricName(order.metrics[rank]!);
      for (let pieces = takePieces(cursors, rank); pieces.length > 0; pieces = takePieces(cursors, rank)) {
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
      writer.add(ref, metric, run, 0, run.length);
      run.clear();
    }
    yield* writer.take();
    const openedCost = cursors.reduce((sum, cursor) => sum + cursor.openedCost(), 0);
    if (openedCost > 0) joiner.noteOpened();
    samplesLeft -= openedCost;
    if (samplesLeft > 0) continue;
    yield PAUSE;
    samplesLeft = limits.mergeStepSamples;
  }
  yield* writer.finish();
}

/** Of the series at the cursors the first one in label order from a rank on; NO_RANK when there is none. */
function leastRank(cursors: readonly RunCursor[], from: number): number {
  let least = NO_RANK;
  for (let i = 0; i < cursors.length; i++) if (cursors[i]!.rank >= from && cursors[i]!.rank < least) least = cursors[i]!.rank;
  return least;
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
