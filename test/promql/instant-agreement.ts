import type { Engine } from '../../promql/engine.ts';
import { childrenOf, parseExpr, resolveDurations } from '../../promql/parser/index.ts';
import type { ResolvedExpr } from '../../promql/parser/index.ts';
import { StepInvariance } from '../../promql/plan/step-invariance.ts';
import type { MatrixValue } from '../../promql/query-result.ts';
import { formatHistogram } from '../../storage/model/histogram-text.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { formatLabels } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';

export interface Steps {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Words that may mean another thing at one step than at several: the query's own times, and orders. */
const DEPENDS_ON_RANGE = /\b(?:start|end|range|step)\s*\(|\bsort/i;

/**
 * How a range query differs from the instant queries at its steps; undefined when it does not. One may fail where the other does not only
 * if neither gives an answer. Anything but a client's error is thrown.
 */
export async function disagreement(engine: Engine, query: string, steps: Steps): Promise<string | undefined> {
  if (DEPENDS_ON_RANGE.test(query) || hasForgottenParameter(query, steps)) return undefined;
  const instants = new Map<string, string>();
  let instantError: VarveError | undefined;
  for (let timeMs = steps.startMs; timeMs <= steps.endMs; timeMs += steps.stepMs) {
    const result = await attempt(() => engine.instant(query, { timeMs }));
    if (result instanceof VarveError) {
      instantError = result;
      continue;
    }
    const { value } = result;
    if (value.kind === 'scalar') instants.set(`{} at ${timeMs}`, describePoint(value.value, undefined));
    if (value.kind === 'vector') {
      for (const { labels, value: point, histogram } of value.samples) instants.set(`${formatLabels(labels)} at ${timeMs}`, describePoint(point, histogram));
    }
  }
  const range = await attempt(() => engine.range(query, steps));
  if (range instanceof VarveError) {
    return instantError === undefined && range.kind !== 'bad-data' ? `only the range query failed: ${range.message}` : undefined;
  }
  if (instantError !== undefined) return `only an instant query failed: ${instantError.message}`;
  const points = pointsOf(range.value as MatrixValue);
  for (const key of new Set([...points.keys(), ...instants.keys()])) {
    if (!sameText(points.get(key), instants.get(key))) return `${key}: ${points.get(key)} in the range query, ${instants.get(key)} in the instant query`;
  }
  return undefined;
}

/** The parameter of an aggregation, where what it aggregates is the same at every step, is that of the first step. */
function hasForgottenParameter(query: string, { startMs, endMs, stepMs }: Steps): boolean {
  const invariance = new StepInvariance();
  const isForgotten = (expr: ResolvedExpr): boolean =>
    (expr.kind === 'aggregate' && expr.param !== undefined && invariance.holds(expr) && !invariance.holds(expr.param)) || childrenOf(expr).some(isForgotten);
  try {
    return isForgotten(resolveDurations(parseExpr(query), { stepMs, rangeMs: endMs - startMs }));
  } catch {
    // What is refused is refused at each step.
    return false;
  }
}

async function attempt<T>(run: () => Promise<T>): Promise<T | VarveError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof VarveError) return error;
    throw error;
  }
}

function pointsOf(value: MatrixValue): Map<string, string> {
  const points = new Map<string, string>();
  for (const { labels, timestampsMs, values, present, histograms } of value.series) {
    for (let i = 0; i < timestampsMs.length; i++) {
      if (present?.[i] !== 0) points.set(`${formatLabels(labels)} at ${timestampsMs[i]!}`, describePoint(values[i]!, histograms?.[i]));
    }
  }
  return points;
}

function describePoint(value: number, histogram: FloatHistogram | undefined): string {
  return histogram === undefined ? String(value + 0) : `${formatHistogram(histogram)} ${histogram.counterResetHint}`;
}

function sameText(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  return Math.abs(Number(a) - Number(b)) <= 1e-12 * Math.abs(Number(b));
}
