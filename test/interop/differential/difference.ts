import { areClose, firstDifference } from '../../bench/compare-answers.ts';
import type { AnswerSeries } from '../../bench/prometheus-api.ts';
import type { Answer } from './answers.ts';

/** Floats that differ by no more than this, relative to the larger, are the same up to the last bits. */
export const TOLERANCE = 1e-12;
/** An answer names this many warnings, and as many infos; which ones is left to chance where there are more. */
const NOTES_MAX = 10;

/** In what way two answers differ, and the details for a reader. */
export interface Difference {
  readonly kind: 'only wanted refuses' | 'only got refuses' | 'error type' | 'error text' | 'result type' | 'data' | 'order' | 'notes';
  readonly text: string;
}

/** What differs between the answer of Prometheus and Varve's; `undefined` when nothing does. Series are compared as a set. */
export function differenceOf(wanted: Answer, got: Answer, tolerance = TOLERANCE): Difference | undefined {
  if (wanted.kind === 'error' && got.kind === 'error') {
    if (wanted.errorType !== got.errorType) return { kind: 'error type', text: `wanted ${describe(wanted)}, got ${describe(got)}` };
    const [wantedText, gotText] = [withoutParameter(wanted.text), withoutParameter(got.text)];
    if (got.errorType !== 'bad_data' || wantedText === gotText) return undefined;
    return { kind: 'error text', text: `wanted ${wantedText}\n       got    ${gotText}` };
  }
  if (wanted.kind === 'error') return { kind: 'only wanted refuses', text: `wanted ${describe(wanted)}, got an answer` };
  if (got.kind === 'error') return { kind: 'only got refuses', text: `wanted an answer, got ${describe(got)}` };
  if (wanted.resultType !== got.resultType) return { kind: 'result type', text: `wanted a ${wanted.resultType}, got a ${got.resultType}` };
  const text = firstDifference(wanted.series, got.series, tolerance);
  return text === undefined ? undefined : { kind: 'data', text };
}

/** Of answers that are the same otherwise: which warnings and infos only one of them has. */
export function noteDifferenceOf(wanted: Answer, got: Answer): Difference | undefined {
  if (wanted.kind === 'error' || got.kind === 'error' || wanted.notes.length >= NOTES_MAX || got.notes.length >= NOTES_MAX) return undefined;
  const missing = wanted.notes.filter((note) => !got.notes.includes(note));
  const more = got.notes.filter((note) => !wanted.notes.includes(note));
  if (missing.length === 0 && more.length === 0) return undefined;
  return { kind: 'notes', text: [...missing.map((note) => `only wanted: ${note}`), ...more.map((note) => `only got:    ${note}`)].join('\n       ') };
}

/** Of answers that are the same as sets: whether they come in another order. By value, equal ones may change places. */
export function orderDifferenceOf(wanted: Answer, got: Answer, by: 'value' | 'labels' | undefined): Difference | undefined {
  if (by === undefined || wanted.kind === 'error' || got.kind === 'error' || wanted.resultType !== 'vector') return undefined;
  const isElsewhere = ({ key, points }: AnswerSeries, { key: otherKey, points: others }: AnswerSeries): boolean => (by === 'labels' ? key !== otherKey : !areClose(points[0]![1], others[0]![1], TOLERANCE));
  const index = wanted.series.findIndex((series, at) => isElsewhere(series, got.series[at]!));
  return index < 0 ? undefined : { kind: 'order', text: `wanted ${wanted.series[index]!.key} in place ${index}, got ${got.series[index]!.key}` };
}

function describe(error: Answer & { kind: 'error' }): string {
  return `${error.errorType}: ${error.text}`;
}

/** 2.42 names the parameter of instant queries only. */
function withoutParameter(text: string): string {
  return text.replace(/^invalid parameter "query": /, '');
}
