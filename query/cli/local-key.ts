import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../storage/runtime/random.ts';

/** Where a Varve runs on this machine, and a key to it that may do everything. */
export interface LocalServer {
  readonly url: string;
  readonly key: string;
}

/** A key for one run: 256 random bits. The launcher scrapes with it, and `npm run keys` finds it beside the data. */
export function newLocalKey(random: Random): string {
  const bytes = new Uint8Array(32);
  random.fill(bytes);
  return Buffer.from(bytes).toString('base64url');
}

const fileIn = (dataDir: string): string => join(dataDir, 'varve.local.json');

/** Only its owner may read it: whoever can read the data itself needs no key. */
export function writeLocalServer(dataDir: string, server: LocalServer): void {
  const file = fileIn(dataDir);
  // A file that is there keeps its mode.
  rmSync(file, { force: true });
  writeFileSync(file, JSON.stringify(server), { mode: 0o600, flag: 'wx' });
}

/** Of the server that holds the lock of the directory; what a killed one left behind is of no use to anyone, since its key died with it. */
export function readLocalServer(dataDir: string): LocalServer | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as LocalServer;
  } catch {
    return undefined;
  }
}

export function removeLocalServer(dataDir: string): void {
  rmSync(fileIn(dataDir), { force: true });
}
