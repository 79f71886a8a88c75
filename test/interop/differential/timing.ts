/**
 * How queries and data are made for one of the servers to compare with: 2.42 (`old`) has less, and takes windows to be closed on both sides;
 * 3.5 (`new`) has native histograms, not always right; what is as new as 3.14 (`current`) has the whole language.
 */
export type Dialect = 'old' | 'new' | 'current';

/** Where on the time line everything lies. */
export interface Lattice {
  /** Scrapes and evaluations are this far apart or a multiple of it. */
  readonly stepMs: number;
  readonly samplePhaseMs: number;
  readonly evaluationPhaseMs: number;
  readonly subqueryRangePhaseMs: number;
}

/*
 * Prometheus 2.42 takes a sample at the older edge of a window, 3.x does not: in the old lattice no edge ever meets a sample, so that both must
 * agree. Each kind of time has a place of its own in it:
 *
 *   samples               50
 *   steps of subqueries    0  (multiples of their step since 1970)
 *   evaluation times      37
 *   ranges of subqueries   3  (their older edge avoids the steps of the subquery around them)
 *   everything else        0  (ranges of selectors, offsets, steps of queries, look-back)
 *
 * A selector is thus evaluated at 37 or 0 and looks back to 37 or 0; a subquery's window begins at 34 or 97.
 *
 * In the new one edges meet samples as often as whole seconds do.
 */
export const LATTICES: Readonly<Record<Dialect, Lattice>> = {
  old: { stepMs: 100, samplePhaseMs: 50, evaluationPhaseMs: 37, subqueryRangePhaseMs: 3 },
  new: { stepMs: 1000, samplePhaseMs: 0, evaluationPhaseMs: 0, subqueryRangePhaseMs: 0 },
  current: { stepMs: 1000, samplePhaseMs: 0, evaluationPhaseMs: 0, subqueryRangePhaseMs: 0 },
};

/** Timestamps that jump about do so in steps of this. */
export const JITTER_MS = 100;

/** The data covers this much; every series lies in it. Prometheus' head takes samples that are up to an hour older than its newest one. */
const DATA_SPAN_MS = 40 * 60_000;
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
export function evaluationTime(timeMs: number, { stepMs, evaluationPhaseMs }: Lattice): number {
  return Math.floor(timeMs / stepMs) * stepMs + evaluationPhaseMs;
}
