import { assert } from '../../runtime/assert.ts';
import type { LabelOrder } from '../index/series-index.ts';
import type { SealedRun } from './compact-plan.ts';
import type { SegmentReader } from './segment-reader.ts';
import type { Segments } from './segments.ts';

/** What a piece costs in the directory of a row that is opened, in samples. */
const OPENED_COST_SAMPLES = 2;

/** Of a cursor that is through: behind all others. */
export const NO_RANK = 0xffffffff;

/** Walks through the pieces of a run, row by row. */
export class RunCursor {
  readonly #segments: Pick<Segments, 'open'>;
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
  /** What opening rows has cost since it was asked, in samples. */
  #openedCost = 0;

  constructor(segments: Pick<Segments, 'open'>, run: SealedRun, index: number, order: LabelOrder) {
    this.#segments = segments;
    this.index = index;
    this.#run = run;
    this.#order = order;
    this.reader = this.#openRow();
    this.#arrive();
  }

  /** Whether the piece so many behind the one at the cursor, in the row that is open, may not be the last one of its series. */
  mayHaveMore(ahead: number): boolean {
    const { refs } = this.reader;
    const next = this.position + ahead + 1;
    // The next row may go on with it.
    return next === refs.length ? this.#row + 1 < this.#run.rows.length : refs[next] === refs[next - 1];
  }

  get firstMs(): number {
    return this.reader.timestampsMs(this.position)[0]!;
  }

  get lastMs(): number {
    const times = this.reader.timestampsMs(this.position);
    return times[times.length - 1]!;
  }

  /** What opening rows has cost since it was asked last, in samples. */
  openedCost(): number {
    const cost = this.#openedCost;
    this.#openedCost = 0;
    return cost;
  }

  /** On to the next piece, or over so many in the row that is open. */
  step(pieces = 1): void {
    this.position += pieces;
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
  }
}
