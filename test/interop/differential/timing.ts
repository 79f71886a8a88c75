/*
 * Where on the time line everything lies. Prometheus 2.42 takes a sample at the older edge of a window, 3.x does not: here no edge ever meets
 * a sample, so that both must agree. The lattice is 100 ms wide, and each kind of time has a place of its own in it:
 *
 *   samples               50
 *   steps of subqueries    0  (multiples of their step since 1970)
 *   evaluation times      37
 *   ranges of subqueries   3  (their older edge avoids the steps of the subquery around them)
 *   everything else        0  (ranges of selectors, offsets, steps of queries, look-back)
 *
 * A selector is thus evaluated at 37 or 0 and looks back to 37 or 0; a subquery's window begins at 34 or 97.
 */
export const LATTICE_MS = 100;
export const SAMPLE_PHASE_MS = 50;
export const EVALUATION_PHASE_MS = 37;
export const SUBQUERY_RANGE_PHASE_MS = 3;

/** The data covers this much; every series lies in it. Prometheus' head takes samples that are up to an hour older than its newest one. */
export const DATA_SPAN_MS = 40 * 60_000;
/** The end of the data is a multiple of this: subqueries fall on the same samples in every run with the same seed. */
const ANCHOR_MS = 10 * 60_000;

/** The times that the queries of one run are about. */
export interface DataTimes {
  readonly startMs: number;
  readonly endMs: number;
}

export function dataTimes(nowMs: number): DataTimes {
  const endMs = Math.floor(nowMs / ANCHOR_MS) * ANCHOR_MS;
  return { startMs: endMs - DATA_SPAN_MS, endMs };
}

/** The evaluation time nearest below a time. */
export function evaluationTime(timeMs: number): number {
  return Math.floor(timeMs / LATTICE_MS) * LATTICE_MS + EVALUATION_PHASE_MS;
}
