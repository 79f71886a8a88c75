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
const environment = {
  // wrangler dev otherwise records every SQL statement, which costs up to seven times the time.
  X_LOCAL_OBSERVABILITY: 'false',
  // MiB. What a request makes of workerd's own objects hangs on V8's, weighs half as much, and is not counted by V8, which collects too late
  // (github.com/cloudflare/workerd/issues/6894): with its default of 32, garbage takes 120 MB more, and each full collection twice the time.
  MINIFLARE_WORKERD_V8_FLAGS: '--max-semi-space-size=8',
  // Node need not compile Miniflare, vitest and our own files anew in every process.
  NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'),
  ...process.env,
  PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`,
};
const child = spawn(currentNode, [join(root, file), ...args], { stdio: 'inherit', env: environment });
// A terminal sends SIGINT to the whole group; the child decides when to end, and this process ends with it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
if (process.env.npm_lifecycle_event !== undefined) {
  // Who sends SIGTERM to npm ends npm, and the shell that npm runs this in: neither tells us, but they leave us to another parent.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 250);
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
