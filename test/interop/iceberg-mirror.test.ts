import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { CatalogMirror } from '../../storage/archive/upkeep/catalog-mirror.ts';
import { ExternalCatalog } from '../../storage/catalog/iceberg/external-catalog.ts';
import { SAMPLES_TABLE } from '../../storage/catalog/iceberg/samples-table.ts';
import { systemFetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Secret } from '../../storage/runtime/secret.ts';
import { MemoryRestCatalog } from '../fakes/memory-rest-catalog.ts';
import { serveRestCatalog } from '../processes/serve-rest-catalog.ts';
import { HOUR_MS } from '../storage/archive/flush/flush-world.ts';
import { RecoveryWorld } from '../storage/archive/recovery-world.ts';

/* Tables that are in another REST catalog as well, over HTTP, and PyIceberg reading them by it; see iceberg.test.ts for where PyIceberg comes from. */
const python = process.env['VARVE_PYTHON'] ?? 'python3';
const hasPyIceberg = spawnSync(python, ['-c', 'import pyiceberg.catalog.rest, pyarrow']).status === 0;

test.runIf(!hasPyIceberg)(`${python} has no PyIceberg: its test does not run`, () => {
  expect(hasPyIceberg).toBe(false);
});

test.runIf(hasPyIceberg)('PyIceberg reads by another catalog what is in ours', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-mirror-'));
  const remote = new MemoryRestCatalog();
  const { uri, close } = await serveRestCatalog(remote);
  try {
    const world = new RecoveryWorld();
    world.baseUri = `file://${folder}`;
    world.wakeCatalog();
    await world.live(4 * 24 * HOUR_MS, () => world.writeHour());
    const config = { uri, warehouse: 'W', token: new Secret('T0ken'), namespace: 'metrics' };
    const mirror = new CatalogMirror(world.tables, new ExternalCatalog({ config, tenant: 'default', fetch: systemFetch, limits: LIMITS }), world.clock, world.failures);
    while (mirror.nextDueMs() !== undefined) {
      await mirror.step();
      expect(mirror.status().flatMap(({ failure }) => failure ?? [])).toEqual([]);
    }
    for (const { key } of (await world.objects.list('')).objects) {
      mkdirSync(dirname(join(folder, key)), { recursive: true });
      writeFileSync(join(folder, key), (await world.objects.get(key))!);
    }
    const found = await run(python, [join(import.meta.dirname, 'read-catalog.py'), config.uri, 'W', 'T0ken', 'metrics']);
    const archivedUntilMs = world.status().archivedUntilMs['1/0']!;
    const archived = world.expected().filter((line) => Number(line.split(' ').at(-2)) < archivedUntilMs);
    expect(found).toMatchObject({
      tables: world.tables.names().sort(),
      snapshots: world.tables.get('samples')!.current()!.metadata.snapshots.map((snapshot) => snapshot['snapshot-id']),
      fields: SAMPLES_TABLE.schema.fields.map(({ id, name }) => [id, name]),
      rows: archived.length,
      metrics: ['metric_0', 'metric_1', 'metric_2'],
    });
    expect(archived.length).toBeGreaterThan(1000);
    expect(found['sum']).toBeCloseTo(archived.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0), 0);
  } finally {
    close();
    rmSync(folder, { recursive: true });
  }
});

/** The program's JSON; the server that it asks is in this process. */
function run(command: string, parameters: readonly string[]): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters);
    let [out, errors] = ['', ''];
    child.stdout.on('data', (part) => (out += String(part)));
    child.stderr.on('data', (part) => (errors += String(part)));
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out) as Record<string, unknown>) : reject(new Error(errors))));
  });
}
