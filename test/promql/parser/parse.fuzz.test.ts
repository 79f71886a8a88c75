import { expect, test } from 'vitest';
import { parseExpr, ParseError, parseMetricSelector } from '../../../promql/parser/index.ts';
import { prettyExpression, printExpression, resolveDurations } from '../../../promql/parser/index.ts';
import { VarveError } from '../../../storage/runtime/errors.ts';
import { parseMetric } from '../parse-metric.ts';
import { randomBelow } from '../../fakes/random-below.ts';
import { mutations, ownQueries, upstreamQueries } from './corpus.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 20_000);
const CASE_MS_MAX = 1000;

function expectOnly(kind: typeof ParseError | typeof VarveError, text: string, run: () => void): void {
  const startMs = performance.now();
  try {
    run();
  } catch (error) {
    if (!(error instanceof kind)) throw new Error(`seed ${SEED}, ${JSON.stringify(text)}: ${String(error)}`, { cause: error });
  }
  if (performance.now() - startMs > CASE_MS_MAX) throw new Error(`seed ${SEED}, ${JSON.stringify(text)}: took more than ${CASE_MS_MAX} ms`);
}

/** Infinity prints as +Inf. Below `^` it is read again as a unary plus of the power, which prints one more plus, in Prometheus too. */
function signless(printed: string): string {
  return printed.replace(/\++Inf/g, 'Inf');
}

function parseEverything(text: string): void {
  expectOnly(ParseError, text, () => parseMetricSelector(text));
  expectOnly(ParseError, text, () => parseMetric(text));
  expectOnly(ParseError, text, () => parseExpr(text));
}

test('variants of queries give a tree or a ParseError, and what prints parses again', () => {
  const mutants = mutations([...ownQueries(), ...(upstreamQueries() ?? [])], SEED);
  let parsedCount = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const query = mutants.next().value as string;
    parseEverything(query);
    let expr;
    try {
      expr = parseExpr(query);
    } catch {
      continue;
    }
    parsedCount++;
    const printed = printExpression(expr);
    expect(signless(printExpression(parseExpr(printed))), query).toBe(signless(printed));
    expect(signless(printExpression(parseExpr(prettyExpression(expr)))), query).toBe(signless(printed));
    expectOnly(VarveError, query, () => resolveDurations(expr, { stepMs: 1000, rangeMs: 0 }));
  }
  expect(parsedCount).toBeGreaterThan(ROUNDS / 50);
});

test('arbitrary characters give a tree or a ParseError', () => {
  const random = randomBelow(SEED);
  const alphabet = [...'abx_:019.eExinfnansmh"\'`\\{}[]()<>=!~@+-*/%^,#$& \n\t\u00e9\u{1f600}\ufffd\ud800\udc00'];
  for (let i = 0; i < ROUNDS; i++) {
    const length = random(30);
    let text = '';
    for (let j = 0; j < length; j++) text += alphabet[random(alphabet.length)]!;
    parseEverything(text);
  }
});

test('one thing many times over is read in good time', () => {
  parseEverything(`${'1'.repeat(200_000)}e+ `);
  parseEverything(`${'1'.repeat(200_000)}_ `);
  const symbols = [...'()[{"\'`\\#.:- \n1a_\ud800'];
  const words = ['1e', '1_', '0x', '5m', 'a ', 'a,', '{a="b",', '+1', 'sum', 'by(', 'or ', 'a[5m', '@1', ' offset 1', 'a{b=~"(', '"\\x'];
  for (const piece of [...symbols, ...words, 'fill ', 'fill(']) {
    for (const prefix of ['', 'a', '"', '{', 'a[', 'sum(', 'a offset ', 'a{b=~"']) parseEverything(prefix + piece.repeat(20_000));
  }
});
