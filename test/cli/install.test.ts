import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';

/*
 * What brings node_modules to what package-lock.json says, in a checkout of its own whose npm only says that it was asked.
 */
const folder = mkdtempSync(join(tmpdir(), 'varve-install-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = join(import.meta.dirname, '../../query/cli');
const install = join(folder, 'query/cli/install.mjs');

function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}

/** What a command of the checkout does first, as the text of its errors. */
function firstOfCommand(): string {
  return run('-e', `import(${JSON.stringify(pathToFileURL(install).href)}).then(({ install }) => install())`);
}

function run(...args: string[]): string {
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` } });
  return stderr;
}

test('what was installed by hand is not installed again, until the lock file is another one', () => {
  put('bin/npm', '#!/bin/sh\necho "npm $1" >&2\n', 0o755);
  put('package-lock.json', '{}');
  put('node_modules/hysnappy/js/uncompress.js', "const wasm64 = 'AAAA'\n");
  for (const file of ['install.mjs', 'unpack-snappy.mjs']) {
    mkdirSync(dirname(install), { recursive: true });
    copyFileSync(join(cli, file), join(folder, 'query/cli', file));
  }
  // npm's postinstall, first where the package "node" brought none.
  expect(run(install)).toBe('');
  expect(firstOfCommand()).toContain('npm ci did not run the install script of the package "node"');
  put('node_modules/node/bin/node', '');
  expect(firstOfCommand()).toBe('Installing dependencies (npm ci) …\nnpm ci\n');
  expect(firstOfCommand()).toBe('');
  put('package-lock.json', '{ "lockfileVersion": 3 }');
  expect(run(install)).toBe('');
  expect(firstOfCommand()).toBe('');
  put('package-lock.json', '{ "lockfileVersion": 4 }');
  expect(firstOfCommand()).toContain('npm ci');
});
