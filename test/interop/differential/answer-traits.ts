import type { AnswerSeries } from '../../bench/prometheus-api.ts';
import type { Answer } from './answers.ts';

/* What can be said of answers by looking at their values. */

/** Digits that may be lost where terms of the size of these data, timestamps among them, cancel out. */
const CANCELLED_TOLERANCE = 1e-6;

export function textOf(answer: Answer): string {
  return answer.kind === 'error' ? answer.text : '';
}

/** An error's text without the place in the query, and without the parameter's name before it. */
export function withoutPlace(text: string): string {
  return text.replace(/^.*?\d+:\d+: /, '');
}

export function isEmpty(answer: Answer): boolean {
  return answer.kind === 'data' && answer.series.length === 0;
}

/** Two series with the same value at the same time. */
export function hasTies(answer: Answer): boolean {
  if (answer.kind === 'error') return false;
  const seen = new Set<string>();
  return answer.series.some(({ points }) =>
    points.some((point) => {
      const key = point.join(' ');
      if (seen.has(key)) return true;
      seen.add(key);
      return false;
    }),
  );
}

export function areNearby(a: number, b: number): boolean {
  return Math.abs(a - b) <= CANCELLED_TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
}

/** The same series and times, and values that are equal or pass for it. */
export function agree(wanted: Answer, got: Answer, passes: (wanted: number, got: number) => boolean): boolean {
  if (wanted.kind === 'error' || got.kind === 'error' || wanted.series.length !== got.series.length) return false;
  const byKey = new Map(got.series.map((series) => [series.key, series.points]));
  return wanted.series.every(({ key, points }) => {
    const others = byKey.get(key);
    if (others?.length !== points.length) return false;
    return points.every(([timestampSeconds, value], index) => {
      const [otherSeconds, other] = others[index]!;
      return timestampSeconds === otherSeconds && (Object.is(value, other) || passes(value, other));
    });
  });
}

/** Whether each point of an answer is one of the others'. */
export function isAmong(answer: Answer, others: readonly Answer[]): boolean {
  if (answer.kind === 'error') return false;
  const points = new Set(others.flatMap((other) => (other.kind === 'error' ? [] : pointsOf(other.series))));
  return pointsOf(answer.series).every((point) => points.has(point));
}

function pointsOf(series: readonly AnswerSeries[]): string[] {
  return series.flatMap(({ key, points }) => points.map((point) => `${key} ${point.join(' ')}`));
}

/** Without metric names, which come first in a series' labels. */
export function withoutNames(answer: Answer): Answer {
  if (answer.kind === 'error') return answer;
  return { ...answer, series: answer.series.map(({ key, points }) => ({ key: key.replace(/^\[\["__name__","[^"]*"\],?/, '['), points })) };
}

/** Without the buckets that are NaN, at times where they are. */
export function withoutNaN(answer: Answer): Answer {
  return withBuckets(answer, (count) => !Number.isNaN(count));
}

/** Without buckets that only rounding errors keep from being empty: empty ones are not there. */
export function withoutTiny(answer: Answer): Answer {
  return withBuckets(answer, (count) => Math.abs(count) > CANCELLED_TOLERANCE);
}

function withBuckets(answer: Answer, isKept: (count: number) => boolean): Answer {
  if (answer.kind === 'error') return answer;
  const series = answer.series.map(({ key, points }) => ({ key, points: key.includes('] bucket ') ? points.filter(([, value]) => isKept(value)) : points }));
  return { ...answer, series: series.filter(({ points }) => points.length > 0) };
}

export function hasNaN(answer: Answer): boolean {
  return answer.kind === 'data' && answer.series.some(({ points }) => points.some(([, value]) => Number.isNaN(value)));
}

/** Whether two answers have the same notes, seen through glasses that hide what does not matter. */
export function sameNotes(wanted: Answer, got: Answer, common: (notes: readonly string[]) => readonly string[]): boolean {
  return wanted.kind === 'data' && got.kind === 'data' && common(wanted.notes).join('\n') === common(got.notes).join('\n');
}
