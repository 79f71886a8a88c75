// What `npm start` runs: installs what is missing, then hands over to serve.ts on the installed Node, passing signals on to it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { currentNode, install, root } from './install.mjs';

try {
  install();
} catch (error) {
  console.error(`varve: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
const server = spawn(currentNode, [join(root, 'query/cli/serve.ts')], { stdio: 'inherit' });
// A terminal sends SIGINT to the whole group; the server decides when to end, and this process ends with it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
