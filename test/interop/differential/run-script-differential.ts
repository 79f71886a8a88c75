import { SeededRandom } from '../../fakes/seeded-random.ts';
import type { EvalCommand } from '../../promql/script-syntax.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { AnsweringServer } from './answers.ts';
import { EXCEPTIONS_OF_SCRIPTS } from './exceptions-of-scripts.ts';
import { loadData } from './load-data.ts';
import { LocalAnswers } from './local-answers.ts';
import { Mutations, type Part, partsOf } from './mutations.ts';
import type { Query } from './random-queries.ts';
import { Differential, type DifferentialOptions, type DifferentialTally, type Question, WORKERS } from './run-differential.ts';
import { toLoad, type World, worldsOf } from './script-worlds.ts';
import { plainQueries, transplanted } from './transplant.ts';

/** All worlds lie in the head, where they were written: compaction would cut other chunks. */
const ONE_BLOCK = ['--storage.tsdb.min-block-duration=20y', '--storage.tsdb.max-block-duration=20y', '--storage.tsdb.retention.time=100y'];
const STEPS_MS = [1_000, 7_000, 10_000, 15_000, 30_000, 60_000, 300_000];
const STEP_COUNT_MAX = 25;
/** Times are chosen in so much of a world, and a little behind it. */
const SPAN_MS_MAX = 6_000_000;
const MARGIN_MS = 600_000;
const CHANGES = [0, 1, 1, 2, 2, 3, 4];

/**
 * The data of scripts in the reference and in Varve's engine, and their queries with something changed: what a script looks at closely,
 * its neighbours are about as well. `folder` has the scripts.
 */
export async function runScriptDifferential(sandbox: Sandbox, folder: string, options: DifferentialOptions, say: (line: string) => void): Promise<DifferentialTally> {
  const worlds = await worldsOf(folder);
  const reference = { ...options.reference, exceptions: EXCEPTIONS_OF_SCRIPTS };
  say(`scripts: ${reference.name}, seed ${options.seed}, ${options.queries} queries over ${worlds.length} worlds with ${worlds.reduce((sum, { series }) => sum + series.length, 0)} series`);
  const url = await reference.start(sandbox, ONE_BLOCK);
  for (const world of worlds) {
    const { floats, histograms } = toLoad(world);
    await loadData(url, floats, histograms);
  }
  const wantedFrom = new AnsweringServer(url, WORKERS);
  const allEvals = worlds.flatMap(({ evals }) => evals);
  const subjects = worlds.map((world) => ({ world, gotFrom: new LocalAnswers(world.source), parts: partsOf(queriesOf(world), world) }));
  const question = (number: number): Question => {
    const random = new SeededRandom(Math.imul(options.seed, 1_000_003) ^ Math.imul(number + 1, 0x9e3779b1));
    const { world, gotFrom, parts } = random.pick(subjects);
    return { query: changedQuery(random, world, parts, allEvals), gotFrom };
  };
  try {
    return await new Differential(wantedFrom, question, { ...options, reference }, say).run();
  } finally {
    wantedFrom.close();
  }
}

function queriesOf(world: World): string[] {
  return [...world.evals.map(({ query }) => inWorld(query, world)), ...plainQueries(world)];
}

/** One that the world's script asks, or one of any script's about the world's data, changed or not. */
function changedQuery(random: SeededRandom, world: World, parts: readonly Part[], allEvals: readonly EvalCommand[]): Query {
  const isOwn = world.evals.length > 0 && random.oneIn(2);
  const asked = random.pick(isOwn ? world.evals : allEvals);
  const original = inWorld(isOwn ? asked.query : transplanted(random, asked.query, world), world);
  const changed = new Mutations(random, world, parts).mutated(original, random.pick(CHANGES));
  // Later versions look at start timestamps at the edges of these, 3.14 does not.
  const expression = world.hasStarts ? changed.replace(/ ?\b(?:smoothed|anchored)\b/g, '') : changed;
  const timeMs = timeIn(random, world, asked);
  if (random.oneIn(2)) return { expression, timeMs };
  const stepMs = asked.times.kind === 'range' && random.oneIn(2) ? asked.times.stepMs : random.pick(STEPS_MS);
  const startMs = asked.times.kind === 'range' && random.oneIn(2) ? world.zeroMs + asked.times.startMs : timeMs;
  return { expression, startMs, endMs: startMs + random.below(STEP_COUNT_MAX) * stepMs + (random.oneIn(4) ? random.below(stepMs) : 0), stepMs };
}

/** Mostly when the script asks, or close by. */
function timeIn(random: SeededRandom, { zeroMs, endMs }: World, { times }: EvalCommand): number {
  const askedMs = zeroMs + (times.kind === 'instant' ? times.timeMs : random.oneIn(2) ? times.startMs : times.endMs);
  if (random.oneIn(2)) return askedMs;
  const spanMs = Math.min(endMs - zeroMs, SPAN_MS_MAX) + MARGIN_MS;
  return random.pick([zeroMs, endMs, askedMs + 1, askedMs - 1, askedMs + 30_000, zeroMs + random.below(spanMs / 1000) * 1000]);
}

/** The times that `@` names are the script's. */
function inWorld(query: string, { zeroMs }: World): string {
  return query.replace(/@\s*([-+]?\d[\d.]*(?:e[-+]?\d+)?)/g, (_, seconds: string) => `@ ${(Number(seconds) + zeroMs / 1000).toFixed(3)}`);
}
