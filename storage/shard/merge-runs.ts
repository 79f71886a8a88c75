import { assert } from '../runtime/assert.ts';
import type { SealedRun } from './compact-plan.ts';
import { SampleRun } from './sample-run.ts';
import type { SegmentReader } from './segment-reader.ts';
import { SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { Segments } from './segments.ts';
import type { SeriesIndex } from './series-index.ts';

/**
 * The samples of neighbouring runs as the rows of one: series in label order, each with its samples in the order of time, of equal
 * timestamps the one of the last run, without what lies below the floor. One row of each run is open at a time.
 */
export function* mergeRuns(segments: Segments, runs: readonly SealedRun[], index: SeriesIndex, limits: SegmentRowLimits): Generator<SealedRow> {
  const refs = new Set<number>();
  for (const { rows } of runs) {
    for (const info of rows) {
      const edges = segments.refsOf(info);
      for (let i = 0; i < edges.length; i += 2) for (let ref = edges[i]!; ref < edges[i + 1]!; ref++) refs.add(ref);
    }
  }
  const cursors = runs.map((run) => new RunCursor(segments, run));
  const writer = new SegmentRowsWriter(limits);
  const run = new SampleRun();
  for (const ref of index.sortByLabels([...refs])) {
    run.clear();
    for (const cursor of cursors) cursor.take(ref, segments.floorMs, run);
    if (run.length === 0) continue;
    run.settle();
    yield* writer.add(ref, index.metricNameOf(ref), run, 0, run.length);
  }
  assert(cursors.every((cursor) => cursor.isDone), 'a run that is not in label order');
  yield* writer.finish();
}

/** Walks through the series of a run, row by row. */
class RunCursor {
  readonly #segments: Segments;
  readonly #run: SealedRun;
  #row = 0;
  #reader: SegmentReader;
  #position = 0;

  constructor(segments: Segments, run: SealedRun) {
    this.#segments = segments;
    this.#run = run;
    this.#reader = segments.open(run.rows[0]!, false);
  }

  get isDone(): boolean {
    return this.#row === this.#run.rows.length;
  }

  /** Appends the series' samples from `fromMs` on, if it is the one at the cursor, and moves behind it. */
  take(ref: number, fromMs: number, run: SampleRun): void {
    while (!this.isDone && this.#reader.refs[this.#position] === ref) {
      this.#reader.append(this.#position, fromMs, run);
      this.#position++;
      if (this.#position < this.#reader.refs.length) continue;
      this.#row++;
      this.#position = 0;
      if (!this.isDone) this.#reader = this.#segments.open(this.#run.rows[this.#row]!, false);
    }
  }
}
