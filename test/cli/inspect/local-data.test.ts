import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localDatabases } from '../../../query/cli/inspect/local-data.ts';

test('a database is as large as its file and what its write-ahead log has of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-databases-'));
  try {
    const shards = join(folder, 'do/varve-Shard');
    mkdirSync(shards, { recursive: true });
    const [young, old] = ['a', 'b'].map((digit) => join(shards, `${digit.repeat(64)}.sqlite`)) as [string, string];
    for (const [path, bytes] of [[young, 10], [`${young}-wal`, 500], [`${young}-shm`, 7], [old, 300]] as const) writeFileSync(path, new Uint8Array(bytes));
    expect(localDatabases(folder)).toEqual([
      { className: 'Shard', path: young, bytes: 510 },
      { className: 'Shard', path: old, bytes: 300 },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
