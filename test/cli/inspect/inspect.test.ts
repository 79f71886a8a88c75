import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { freePort } from '../../processes/free-port.ts';
import { killAll, ROOT, VarveProcess } from '../varve-process.ts';

/* `npm run inspect` over the data of an `npm start` that runs and archives: where Miniflare keeps what. */
const folder = mkdtempSync(join(tmpdir(), 'varve-inspect-'));

afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function inspect(...args: string[]): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> {
  const command = new VarveProcess({ DATA_DIR: folder }, [join(ROOT, 'query/cli/inspect.ts'), ...args]);
  const { code } = await command.exited;
  return { code, output: command.output, errors: command.errors };
}

test('a data folder, an object by its key, a shard', { timeout: 60_000 }, async () => {
  expect(await inspect()).toMatchObject({ code: 2, errors: expect.stringContaining('no data folder') });
  const varve = await new VarveProcess({ PORT: String(await freePort()), DATA_DIR: folder }).ready();
  const oldMs = Date.now() - 5 * 86_400_000;
  const lines = Array.from({ length: 40 }, (_, i) => `inspected{pod="p${i % 4}"} ${i} ${oldMs + i * 1000}`);
  const imported = await fetch(`${varve.baseUrl}/api/v1/import/prometheus`, { method: 'POST', body: `${lines.join('\n')}\n` });
  expect(imported.status).toBeLessThan(300);
  let listed = '';
  for (let tries = 0; !listed.includes('.parquet'); tries++) {
    expect(tries).toBeLessThan(50);
    listed = (await inspect()).output;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(listed).toMatch(/Shard +[\d,]+ +do\/varve-Shard\/[0-9a-f]{64}\.sqlite/);
  const key = /default\/archive\/\S+\.parquet/.exec(listed)![0];

  const byKey = await inspect(key, '--series', '2');
  expect([byKey.code, byKey.errors]).toEqual([0, '']);
  expect(byKey.output).toContain('inspected{pod="p0"}');
  expect(byKey.output).toMatch(/Parquet file of [\d,]+ bytes: (40|[1-3]?\d) rows in 1 row group/);
  expect((await inspect(`s3://varve-archive/${key}`, '--series', '2')).output).toBe(byKey.output);
  expect((await inspect('default/archive/')).output).toContain(key);
  expect(await inspect('default/none')).toMatchObject({ code: 2, output: '', errors: expect.stringMatching(/^varve: default\/none is no file, and no key in .* begins with it\n$/) });

  const shards = join(folder, 'do/varve-Shard');
  const shard = readdirSync(shards).find((file) => /^[0-9a-f]{64}\.sqlite$/.test(file))!;
  expect((await inspect(join(shards, shard))).output).toContain('SQLite database of a shard');
  expect(await inspect('--segment', 'x')).toMatchObject({ code: 2, errors: 'varve: --segment takes a whole number, not x\n' });
});
