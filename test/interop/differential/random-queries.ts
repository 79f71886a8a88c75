import type { InstantQuery, RangeQuery } from '../../bench/prometheus-api.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { Grammar } from './grammar.ts';
import { invalidExpression } from './invalid-expressions.ts';
import { restyle } from './restyle.ts';
import { type DataTimes, type Dialect, evaluationTime, LATTICES } from './timing.ts';

export type Query = InstantQuery | RangeQuery;

const STEPS_MS = [1_000, 5_000, 7_000, 10_000, 15_000, 30_000, 60_000, 12_300];
const STEP_COUNT_MAX = 40;
/** Evaluation also begins before the data and ends behind it. */
const MARGIN_MS = 90_000;
const DEPTH_MAX = 5;
const INVALID_ONE_IN = 15;
const RESTYLED_ONE_IN = 8;

/** The query with a number, which depends on the seed and the data's times only: any single one can be asked again. */
export function randomQuery(seed: number, number: number, times: DataTimes, dialect: Dialect): Query {
  const random = new SeededRandom(Math.imul(seed, 1_000_003) ^ Math.imul(number + 1, 0x9e3779b1));
  const query = plainQuery(random, times, dialect);
  return random.oneIn(RESTYLED_ONE_IN) ? { ...query, expression: restyle(random, query.expression) } : query;
}

function plainQuery(random: SeededRandom, times: DataTimes, dialect: Dialect): Query {
  const grammar = new Grammar(random, times, dialect);
  const timeMs = evaluationTime(random.between(times.startMs - MARGIN_MS, times.endMs + MARGIN_MS), LATTICES[dialect]);
  if (random.oneIn(INVALID_ONE_IN)) return { expression: invalidExpression(grammar), timeMs };
  if (random.oneIn(30)) return { expression: rangeVector(grammar), timeMs };
  const depth = random.between(0, DEPTH_MAX);
  const expression = random.oneIn(15) ? grammar.scalar(depth).text : grammar.vector(depth).text;
  if (random.oneIn(2)) return { expression, timeMs };
  const stepMs = random.pick(STEPS_MS);
  // The end is a step: from 3.13 on, subqueries stop at the last step and no longer at the end.
  const endMs = timeMs + random.below(STEP_COUNT_MAX) * stepMs;
  return { expression, startMs: timeMs, endMs: dialect === 'current' && random.oneIn(3) ? endMs + random.below(stepMs) : endMs, stepMs };
}

/** What can only be asked for at one instant. */
function rangeVector(grammar: Grammar): string {
  const { random, selectors, dialect } = grammar;
  if (random.oneIn(2)) return grammar.subquery(2, 'rounded').text;
  const selector = selectors.selector();
  const edges = dialect === 'current' && random.oneIn(2) ? random.pick([' anchored', ' smoothed']) : '';
  return selector.text + selectors.range() + selector.modifiers + edges;
}
