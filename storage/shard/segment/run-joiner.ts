import { JoinedDecimals } from '../../chunk/index.ts';
import type { LabelOrder, SeriesIndex } from '../index/series-index.ts';
import { SampleRun } from '../run/sample-run.ts';
import { JoinedTimes, NOT_JOINED } from './joined-times.ts';
import type { RunCursor } from './run-cursor.ts';
import type { SegmentRowsWriter } from './segment-rows.ts';

/** What a piece that is joined costs beside its samples, in samples: less than one that is taken apart (merge-runs.ts). */
const JOINED_PIECE_COST_SAMPLES = 8;

/** Series of a stretch: so few that it is no loss to look for it anew where one in it is of another kind. */
const STRETCH_SERIES_MAX = 64;

/**
 * The short way through a merge: nearly all series have one piece in each run, later than the one before, and the next series in one run is
 * the next in all. So stretches of such series are found first, and then each series is only its pieces put one behind the other.
 */
export class RunJoiner {
  readonly #index: Pick<SeriesIndex, 'metricName'>;
  readonly #order: LabelOrder;
  readonly #writer: SegmentRowsWriter;
  readonly #times: JoinedTimes;
  readonly #decimals = new JoinedDecimals();
  readonly #floats = new SampleRun();

  /** What lies below the floor is left to others. */
  constructor(index: Pick<SeriesIndex, 'metricName'>, order: LabelOrder, runCount: number, floorMs: number, writer: SegmentRowsWriter) {
    this.#index = index;
    this.#order = order;
    this.#writer = writer;
    this.#times = new JoinedTimes(runCount, floorMs, writer);
  }

  /** A cursor has opened another row. */
  noteOpened(): void {
    this.#times.forget();
  }

  /**
   * Writes series from the one at `rank` on, the least at any cursor, for about so many samples, and moves the cursors over them; `nextRank` is the
   * least at the others. Answers what that costs, in samples; 0 with nothing done when the series is of another kind.
   */
  join(cursors: readonly RunCursor[], rank: number, nextRank: number, samplesTarget: number): number {
    const standing = cursors.filter((cursor) => cursor.rank === rank);
    const length = commonLength(standing, nextRank, this.#order);
    const { reader, position } = standing[0]!;
    const { ranks, metrics } = this.#order;
    const { rowNumber } = this.#writer;
    let cost = 0;
    let ahead = 0;
    for (; ahead < length && cost < samplesTarget && this.#writer.rowNumber === rowNumber; ahead++) {
      const timeColumn = this.#times.find(standing, ahead);
      if (timeColumn === NOT_JOINED) break;
      const ref = reader.refs[position + ahead]!;
      const metric = this.#index.metricName(metrics[ranks[ref]!]!);
      const isJoined = this.#joinValues(standing, ahead) && this.#writer.addJoined(ref, metric, timeColumn, this.#decimals);
      cost += (isJoined ? this.#decimals.length : this.#addFloats(standing, ahead, ref, metric)) + standing.length * JOINED_PIECE_COST_SAMPLES;
    }
    if (ahead > 0) for (const cursor of standing) cursor.step(ahead);
    return cost;
  }

  /** Says whether it has been possible. */
  #joinValues(cursors: readonly RunCursor[], ahead: number): boolean {
    const decimals = this.#decimals;
    decimals.clear();
    for (let i = 0; i < cursors.length; i++) {
      const { reader, position } = cursors[i]!;
      if (!decimals.append(reader.sampleColumn(position + ahead), reader.sampleCount(position + ahead))) return false;
    }
    return true;
  }

  /** Writes a series that has other columns too, and answers with its samples. */
  #addFloats(cursors: readonly RunCursor[], ahead: number, ref: number, metric: string): number {
    const floats = this.#floats;
    for (const { reader, position } of cursors) reader.append(position + ahead, -Infinity, floats);
    const { length } = floats;
    this.#writer.add(ref, metric, floats, 0, length);
    floats.clear();
    return length;
  }
}

/** For how many series the cursors, which stand at the same one, have one piece each, in the rows that are open, and none that others have before. */
function commonLength(cursors: readonly RunCursor[], nextRank: number, order: LabelOrder): number {
  const { reader, position: start } = cursors[0]!;
  const { refs } = reader;
  let length = Math.min(STRETCH_SERIES_MAX, refs.length - start);
  for (let i = 1; i < cursors.length; i++) {
    const { reader, position } = cursors[i]!;
    length = Math.min(length, reader.refs.length - position);
    let ahead = 0;
    while (ahead < length && reader.refs[position + ahead] === refs[start + ahead]) ahead++;
    length = ahead;
  }
  for (let ahead = 0, previous = -1; ahead < length; ahead++) {
    const ref = refs[start + ahead]!;
    const rank = order.ranks[ref]!;
    // What is in no order is for the cursor to find.
    if (rank <= previous || rank >= nextRank || order.refs[rank] !== ref) length = ahead;
    previous = rank;
  }
  while (length > 0 && cursors.some((cursor) => cursor.mayHaveMore(length - 1))) length--;
  return length;
}
