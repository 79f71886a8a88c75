// Every npm script begins here: installs what is missing, then runs the file named first on the installed Node, with the rest as its
// arguments. (Not `install && node file` in package.json: a shell remembers where it found `node` before the install.)
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { currentNode, install, root } from './install.mjs';

try {
  install();
} catch (error) {
  console.error(`varve: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
const [file = '', ...args] = process.argv.slice(2);
// wrangler dev otherwise records every SQL statement, which costs up to seven times the time. And Node need not compile Miniflare, vitest
// and our own files anew in every process.
const environment = { X_LOCAL_OBSERVABILITY: 'false', NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'), ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}` };
const child = spawn(currentNode, [join(root, file), ...args], { stdio: 'inherit', env: environment });
// A terminal sends SIGINT to the whole group; the child decides when to end, and this process ends with it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
