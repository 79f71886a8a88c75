// Installs what is missing. Plain JavaScript for the Node that the machine has (20 or later): the npm package `node`, installed here,
// brings the one that everything else runs on.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackSnappy } from './unpack-snappy.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const currentNode = join(root, 'node_modules/node/bin/node');
const marker = join(root, 'node_modules/.varve-installed');

/** Brings node_modules to what package-lock.json says, when it is not that already. */
export function install() {
  const isInstalled = existsSync(marker) && readFileSync(marker, 'utf8') === lockDigest() && existsSync(currentNode);
  if (!isInstalled) {
    console.error('Installing dependencies (npm ci) …');
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
    if (npm.status !== 0) throw new Error(`npm ci failed with status ${npm.status ?? npm.signal}`);
    if (!existsSync(currentNode)) {
      throw new Error('npm ci did not run the install script of the package "node", which fetches a current Node. Allow scripts (no --ignore-scripts) and try again.');
    }
    noteInstalled();
  }
  unpackSnappy();
}

/** Remembers that node_modules is what package-lock.json says, also after an `npm ci` or `npm install` by hand: it need not be done twice. */
function noteInstalled() {
  writeFileSync(marker, lockDigest());
}

function lockDigest() {
  return createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

// As npm's postinstall script. Without a current Node the first command says what is wrong.
if (process.argv[1] === fileURLToPath(import.meta.url) && existsSync(currentNode)) noteInstalled();
