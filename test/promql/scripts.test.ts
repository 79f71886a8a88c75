import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { childrenOf, type Expr, FUNCTION_SIGNATURES, parseExpr, ParseError } from '../../promql/parser/index.ts';
import { OPERATOR_PRECEDENCE } from '../../promql/parser/operators.ts';
import { AGGREGATE_OPS } from '../../promql/parser/token.ts';
import { runScript } from './script-runner.ts';
import { parseScript } from './script-syntax.ts';

function scriptsOf(folder: string): string[] {
  return readdirSync(folder).filter((entry) => entry.endsWith('.test')).sort();
}

/** Runs scripts in the promqltest language: the project's own, and the corpus beside the checkout where that is. */
function runFolder(name: string, folder: string): void {
  describe(name, () => {
    for (const file of scriptsOf(folder)) {
      test(file, async () => {
        const { passed, failures } = await runScript(readFileSync(join(folder, file), 'utf8'));
        expect(failures.map(({ line, query, message }) => `${file}:${line}: ${query}: ${message}`)).toEqual([]);
        expect(passed).toBeGreaterThan(0);
      });
    }
  });
}

const ownFolder = join(import.meta.dirname, 'scripts');
const corpusFolder = join(import.meta.dirname, '../../../shared/promqltest');

runFolder('own scripts', ownFolder);
if (existsSync(corpusFolder)) runFolder('promqltest', corpusFolder);
else console.log(`promqltest skipped: there is no ${corpusFolder}`);

test('own scripts ask for every function, aggregation and binary operator', () => {
  const asked = new Set<string>();
  const note = (expr: Expr): void => {
    if (expr.kind === 'call') asked.add(expr.name);
    if (expr.kind === 'aggregate' || expr.kind === 'binary') asked.add(expr.op);
    childrenOf(expr).forEach(note);
  };
  for (const file of scriptsOf(ownFolder)) {
    for (const command of parseScript(readFileSync(join(ownFolder, file), 'utf8'))) {
      if (command.kind !== 'eval') continue;
      try {
        note(parseExpr(command.query));
      } catch (error) {
        // Some are there for their errors.
        if (!(error instanceof ParseError)) throw error;
      }
    }
  }
  expect([...Object.keys(FUNCTION_SIGNATURES), ...AGGREGATE_OPS, ...Object.keys(OPERATOR_PRECEDENCE)].filter((name) => !asked.has(name))).toEqual([]);
});
