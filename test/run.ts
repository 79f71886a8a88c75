import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** What `npm test` runs: the type check, then every test. Arguments go to vitest; its project `node` is all that needs no workerd, `workerd` all that does (vitest.config.ts has each in several). */
const root = join(import.meta.dirname, '..');

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

run('tsc', '--project', root);
const args = process.argv.slice(2).map((argument, i, all) => (all[i - 1] === '--project' && (argument === 'node' || argument === 'workerd') ? `${argument}*` : argument));
run('vitest', 'run', '--config', 'test/vitest.config.ts', ...args);
