import { parseAnswer, PrometheusApi } from '../bench/prometheus-api.ts';
import type { RangeTimes } from './promtool.ts';

export interface QueryTimes {
  readonly instantMs: number;
  readonly range: RangeTimes;
  readonly fractionMs: number;
}

const RANGE_MS = 15_000;
const STEP_MS = 3_000;
/** The newest second or so is left alone: the last scrape of one target may be missing there. */
const MARGIN_MS = 2_000;

/**
 * When to ask. Prometheus 2.42 counts a sample on the far edge of a range, 3.x does not: so that both mean the same, no evaluation time and
 * no edge may hit a sample. Steps and ranges are whole seconds, so it is enough to choose the fraction of the second well: as far as
 * possible from all samples' own, and so that its complement (the far edge of a range that ends on a whole second) is as far.
 */
export async function chooseQueryTimes(prometheusUrl: URL, nowMs: number): Promise<QueryTimes> {
  const api = new PrometheusApi(prometheusUrl);
  try {
    const scrapes = parseAnswer(await api.fetch({ expression: 'up[5m]', timeMs: nowMs }));
    const timestampsMs = scrapes.map((series) => series.points.map(([timestampSeconds]) => Math.round(timestampSeconds * 1000)));
    const newestCommonMs = Math.min(...timestampsMs.map((of) => Math.max(...of)));
    const fractionMs = freeFraction(timestampsMs.flat());
    const instantMs = Math.floor((newestCommonMs - MARGIN_MS) / 1000) * 1000 + fractionMs;
    return { instantMs, range: { startMs: instantMs - RANGE_MS, endMs: instantMs, stepMs: STEP_MS }, fractionMs };
  } finally {
    api.close();
  }
}

export function freeFraction(timestampsMs: readonly number[]): number {
  const taken = new Set(timestampsMs.map((timestampMs) => timestampMs % 1000));
  const distance = (fractionMs: number): number =>
    Math.min(...Array.from(taken, (other) => Math.min(Math.abs(other - fractionMs), 1000 - Math.abs(other - fractionMs))));
  const candidates = Array.from({ length: 999 }, (_, index) => index + 1);
  const room = (fractionMs: number): number => Math.min(distance(fractionMs), distance(1000 - fractionMs));
  const best = candidates.reduce((a, b) => (room(b) > room(a) ? b : a));
  if (room(best) < 1) throw new Error('the scrapes leave no millisecond of the second free');
  return best;
}
