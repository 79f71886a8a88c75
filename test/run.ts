import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** What `npm test` runs: the type check, then every test. Arguments go to vitest; its project `node` is all that needs no workerd (vitest.config.ts has it in two). */
const root = join(import.meta.dirname, '..');

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

run('tsc', '--project', root);
const args = process.argv.slice(2).map((argument, i, all) => (argument === 'node' && all[i - 1] === '--project' ? 'node*' : argument));
run('vitest', 'run', '--config', 'test/vitest.config.ts', ...args);
