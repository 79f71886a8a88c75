import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from './script-runner.ts';

/** `npm run promqltest -- FILE_OR_DIR…`: runs scripts and prints each failure with file and line. */
function scriptFiles(path: string): string[] {
  if (!existsSync(path)) fail(`there is no ${path}`);
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test'));
  if (names.length === 0) fail(`${path} holds no .test file`);
  return names.sort().map((name) => join(path, name));
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

const paths = process.argv.slice(2);
if (paths.length === 0) fail('usage: npm run promqltest -- FILE_OR_DIR…');

let passed = 0;
let failed = 0;
for (const file of paths.flatMap(scriptFiles)) {
  const report = await runScript(readFileSync(file, 'utf8'));
  passed += report.passed;
  failed += report.failures.length;
  for (const { line, query, message } of report.failures) console.log(`${file}:${line}: ${query}\n    ${message}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
