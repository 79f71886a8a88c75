import type { RunCursor } from './run-cursor.ts';
import { PIECE_SAMPLES_MAX, type SegmentRowsWriter } from './segment-rows.ts';

/** Combinations that are remembered before all are forgotten: many more than one row's targets. */
const REMEMBERED_MAX = 8 * 1024;
/** What `find` answers with for a series whose pieces are not simply one behind the other. */
export const NOT_JOINED = -1;
/** In place of a combination: none. */
const NONE = -1;

/**
 * The time columns that the pieces of a series make together, when nothing but putting one behind the other is to be done: one piece a run, each later
 * than the one before, and all of them together no more than a piece. Series of one target have the same in each run, so what was found for one
 * is remembered by its combination of columns; and since targets come in the same order for each metric, by what came behind which.
 */
export class JoinedTimes {
  readonly #floorMs: number;
  readonly #writer: SegmentRowsWriter;
  #rowNumber = 0;
  #count = 0;
  #previous = NONE;
  /** Of the series at hand, by run: its time column and 1, or 0 where it is not in the run. */
  readonly #key: Uint32Array;
  /** By combination: its keys; the column of the open row that it makes, or NOT_JOINED; the combination that came behind it. */
  readonly #keys: Uint32Array;
  readonly #columns = new Int32Array(REMEMBERED_MAX);
  readonly #next = new Int32Array(REMEMBERED_MAX);
  readonly #byHash = new Map<number, number>();

  /** What lies below the floor is not joined. */
  constructor(runCount: number, floorMs: number, writer: SegmentRowsWriter) {
    this.#floorMs = floorMs;
    this.#writer = writer;
    this.#key = new Uint32Array(runCount);
    this.#keys = new Uint32Array(REMEMBERED_MAX * runCount);
  }

  /** A cursor has opened another row, whose columns have numbers of their own. */
  forget(): void {
    this.#count = 0;
    this.#previous = NONE;
    this.#byHash.clear();
  }

  /**
   * The column of the writer's open row with all timestamps of the series that lies so far ahead of each of the cursors, which have one piece of it each;
   * NOT_JOINED where the pieces are not one behind the other.
   */
  find(cursors: readonly RunCursor[], ahead: number): number {
    const key = this.#key;
    if (cursors.length < key.length) key.fill(0);
    for (let i = 0; i < cursors.length; i++) {
      const { index, reader, position } = cursors[i]!;
      key[index] = reader.timeColumns[position + ahead]! + 1;
    }
    if (this.#writer.rowNumber !== this.#rowNumber || this.#count === REMEMBERED_MAX) {
      this.#rowNumber = this.#writer.rowNumber;
      this.forget();
    }
    const combination = this.#combination(cursors, ahead);
    this.#previous = combination;
    return this.#columns[combination]!;
  }

  #combination(cursors: readonly RunCursor[], ahead: number): number {
    const previous = this.#previous;
    if (previous !== NONE) {
      const guess = this.#next[previous]!;
      if (guess !== NONE && this.#isSame(guess)) return guess;
    }
    let hash = 0;
    for (let i = 0; i < this.#key.length; i++) hash = Math.imul(hash, 0x01000193) ^ this.#key[i]!;
    let combination = this.#byHash.get(hash);
    if (combination === undefined || !this.#isSame(combination)) combination = this.#add(hash, this.#joined(cursors, ahead));
    if (previous !== NONE) this.#next[previous] = combination;
    return combination;
  }

  #isSame(combination: number): boolean {
    const key = this.#key;
    const keys = this.#keys;
    for (let i = 0, at = combination * key.length; i < key.length; i++, at++) if (keys[at] !== key[i]) return false;
    return true;
  }

  #add(hash: number, column: number): number {
    const combination = this.#count++;
    this.#keys.set(this.#key, combination * this.#key.length);
    this.#columns[combination] = column;
    // Until something else comes behind it, the next series is likely to have the same.
    this.#next[combination] = combination;
    this.#byHash.set(hash, combination);
    return combination;
  }

  #joined(cursors: readonly RunCursor[], ahead: number): number {
    const pieces = cursors.map(({ reader, position }) => reader.timestampsMs(position + ahead));
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length > PIECE_SAMPLES_MAX || pieces[0]![0]! < this.#floorMs) return NOT_JOINED;
    const timestampsMs = new Float64Array(length);
    let end = 0;
    for (const piece of pieces) {
      if (end > 0 && piece[0]! <= timestampsMs[end - 1]!) return NOT_JOINED;
      timestampsMs.set(piece, end);
      end += piece.length;
    }
    return this.#writer.timeColumn(timestampsMs);
  }
}
