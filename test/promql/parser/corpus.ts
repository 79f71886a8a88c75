import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBelow } from '../../fakes/random-below.ts';

/** Our own cases, `input ==> tree`. */
export const TREES = join(import.meta.dirname, 'trees.txt');

/** The queries of our own tree cases. */
export function ownQueries(): readonly string[] {
  const text = readFileSync(TREES, 'utf8');
  return text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(' ==> ')[0]!]));
}

const SCRIPTS = join(import.meta.dirname, '../../../../shared/promqltest');
const EVAL = /^eval(?:_\w+)?\s+(?:instant(?:\s+at\s+\S+)?|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+)\s+(.*)$/;

/** Every query of Prometheus' own scripts, each once; `undefined` where the scripts do not lie beside the checkout. */
export function upstreamQueries(): readonly string[] | undefined {
  if (!existsSync(SCRIPTS)) return undefined;
  const queries = new Set<string>();
  for (const file of readdirSync(SCRIPTS).filter((name) => name.endsWith('.test'))) {
    for (const line of readFileSync(join(SCRIPTS, file), 'utf8').split('\n')) {
      const query = EVAL.exec(line)?.[1];
      if (query !== undefined) queries.add(query);
    }
  }
  return [...queries];
}

const PIECE = /\w+|\s+|"[^"]*"|[^\w\s]/g;

/** Endless variants of the queries: pieces dropped, doubled, swapped, or taken from other queries. */
export function* mutations(queries: readonly string[], seed: number): Generator<string> {
  const random = randomBelow(seed);
  const pieces = queries.flatMap((query) => query.match(PIECE) ?? []);
  const anyPiece = () => pieces[random(pieces.length)]!;
  for (;;) {
    const mutant = [...(queries[random(queries.length)]!.match(PIECE) ?? [])];
    for (let changes = 1 + random(3); changes > 0; changes--) {
      const at = random(mutant.length + 1);
      const change = random(5);
      if (change === 0) mutant.splice(at, 1);
      else if (change === 1) mutant.splice(at, 0, anyPiece());
      else if (change === 2) mutant.splice(at, 1, anyPiece());
      else if (change === 3) mutant.splice(at, 0, ...mutant.slice(at, at + 1 + random(4)));
      else mutant.splice(at, 2, ...mutant.slice(at, at + 2).reverse());
    }
    yield mutant.join('');
  }
}
