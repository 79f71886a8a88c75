import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killRounds } from './cli/kill-rounds.ts';
import { killAll } from './cli/varve-process.ts';
import { freePort } from './processes/free-port.ts';

/*
 * `npm run test:kill`: kill -9 of a Varve that is being written to, fifty times on the same data (`npm run test:kill -- 200` for more).
 * Prints how many rounds passed; one that fails ends it.
 */
const ROUNDS = 50;

const rounds = Number(process.argv[2] ?? ROUNDS);
if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`usage: npm run test:kill -- [rounds], not ${process.argv[2]}`);
const folder = mkdtempSync(join(tmpdir(), 'varve-kill-'));
let passed = 0;
let failure: unknown;
try {
  const settings = { PORT: String(await freePort()), DATA_DIR: join(folder, 'data') };
  await killRounds(settings, rounds, Math.floor(Date.now() / 1000) * 1000 - 60_000, (round, acknowledged) => {
    // What this round wrote is looked at after the next start.
    passed = round - 1;
    if (round % 10 === 0) console.log(`round ${round} of ${rounds}: ${acknowledged} requests acknowledged so far`);
  });
  passed = rounds;
} catch (error) {
  failure = error;
  console.log(error);
} finally {
  killAll();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`kill: ${passed} passed, ${failure === undefined ? 0 : 1} failed`);
process.exit(failure === undefined ? 0 : 1);
