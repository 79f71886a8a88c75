import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../storage/runtime/errors.ts';
import { UsageError } from './usage-error.ts';

/** Another process has the directory. */
export class DataInUseError extends UsageError {}

/**
 * Takes a data directory for this process until it ends: two processes on one directory would contend for the same SQLite files.
 *
 * The lock is SQLite's own on an empty database, which the kernel drops when its holder dies, however it dies. A file with a process id
 * alone would block every start after a crash once the id belongs to somebody else, which in a container is soon. The file beside it
 * only says who holds the lock.
 */
export function lockDataDir(dataDir: string): void {
  const pidFile = join(dataDir, 'varve.pid');
  try {
    makeFolder(dataDir);
    // SQLite would only say that it cannot open its file.
    accessSync(dataDir, constants.W_OK | constants.X_OK);
    const lock = new DatabaseSync(join(dataDir, 'varve.lock'), { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    // Held by a reference from what never goes away: a collected handle would give up the lock.
    process.once('exit', () => lock.close());
    writeFileSync(pidFile, `${process.pid}\n`);
  } catch (error) {
    if (isLocked(error)) throw new DataInUseError(`the data in ${dataDir} is in use by ${holder(pidFile)}; stop it or set DATA_DIR to another directory`);
    throw new UsageError(`cannot keep data in ${dataDir}: ${messageOf(error)}`);
  }
}

const SQLITE_BUSY = 5;

function isLocked(error: unknown): boolean {
  return error instanceof Error && (error as { errcode?: unknown }).errcode === SQLITE_BUSY;
}

function holder(pidFile: string): string {
  try {
    return `process ${readFileSync(pidFile, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

/**
 * As `mkdirSync` with `recursive`, which tries for ever where the system answers ENOENT though all parents are there, as Linux does below
 * /proc: each parent is made once here, and what it says counts.
 */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been first.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
