import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runScript } from './script-runner.ts';

/** Runs scripts in the promqltest language: the project's own, and the corpus beside the checkout where that is. */
function runFolder(name: string, folder: string): void {
  describe(name, () => {
    for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.test')).sort()) {
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
