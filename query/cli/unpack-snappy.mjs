// Writes hysnappy's decoder as a .wasm file: Workers take WebAssembly only as a module of the bundle, and the package carries it as text.
// Plain JavaScript, because it also runs before anything is installed that understands TypeScript.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export function unpackSnappy() {
  const source = readFileSync(join(root, 'node_modules/hysnappy/js/uncompress.js'), 'utf8');
  const text = /const wasm64 = '([A-Za-z0-9+/=]+)'/.exec(source)?.[1];
  if (text === undefined) throw new Error('hysnappy no longer carries its decoder as base64 text: see query/cli/unpack-snappy.mjs');
  const target = join(root, '.build/snappy.wasm');
  const wasm = Buffer.from(text, 'base64');
  if (existsSync(target) && readFileSync(target).equals(wasm)) return;
  // Whole or not at all, whoever reads it meanwhile.
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.${process.pid}`, wasm);
  renameSync(`${target}.${process.pid}`, target);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) unpackSnappy();
