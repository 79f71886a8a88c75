import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { disagreement } from './instant-agreement.ts';
import { load } from './script-load.ts';
import { parseScript } from './script-syntax.ts';

/** Every query of every script, with names dropped late and at once: a range query gives at each step what an instant query gives there. */
const folders = [join(import.meta.dirname, 'scripts'), join(import.meta.dirname, '../../../shared/promqltest')].filter(existsSync);

for (const folder of folders) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.test'))) {
    test(`steps of ${file}`, { timeout: 60_000 }, async () => {
      const source = new MemorySeriesSource();
      const engines = [new Engine({ source }), new Engine({ source, delayedNameRemoval: false })];
      for (const command of parseScript(readFileSync(join(folder, file), 'utf8'))) {
        if (command.kind === 'clear') source.clear();
        else if (command.kind === 'load') load(source, command);
        else if (command.kind === 'eval') {
          const { times } = command;
          const stepMs = times.kind === 'range' ? times.stepMs : 47_000;
          const startMs = (times.kind === 'range' ? times.startMs : times.timeMs) - 2 * stepMs;
          for (const engine of engines) {
            const found = await disagreement(engine, command.query, { startMs, endMs: startMs + 4 * stepMs, stepMs });
            expect(found && `line ${command.line}: ${command.query}: ${found}`).toBeUndefined();
          }
        }
      }
    });
  }
}
