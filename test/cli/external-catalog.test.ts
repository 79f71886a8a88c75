import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { MemoryRestCatalog } from '../fakes/memory-rest-catalog.ts';
import { freePort } from '../processes/free-port.ts';
import { serveRestCatalog } from '../processes/serve-rest-catalog.ts';
import { killAll, VarveProcess } from './varve-process.ts';

/* Tables in another Iceberg catalog as well, and keys below a prefix of the bucket, as R2 Data Catalog wants them: with a Varve that was started as a user starts it. */
const DAY_MS = 86_400_000;
const NOON_MS = (Math.floor(Date.now() / DAY_MS) - 5) * DAY_MS + DAY_MS / 2;
const LOCATION = 's3://varve-archive/__r2_data_catalog/varve/default/archive/samples';

afterEach(killAll);

async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const deadlineMs = performance.now() + 60_000; performance.now() < deadlineMs; ) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`a minute without ${what}`);
}

test('what is archived is in the other catalog too, when it answers again', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-external-'));
  const remote = new MemoryRestCatalog();
  // Its first answer is lost.
  remote.fault = (request) => (request === 0 ? 'lose-answer' : undefined);
  const { uri, close } = await serveRestCatalog(remote);
  try {
    const varve = await new VarveProcess({
      PORT: String(await freePort()),
      DATA_DIR: folder,
      VARVE_ARCHIVE_KEY_PREFIX: '__r2_data_catalog/varve',
      VARVE_ARCHIVE_URI: 's3://varve-archive/__r2_data_catalog/varve',
      VARVE_ICEBERG_CATALOG_URI: uri,
      VARVE_ICEBERG_CATALOG_WAREHOUSE: 'W',
      VARVE_ICEBERG_CATALOG_TOKEN: 'T0ken',
    }).ready();
    const lines = Array.from({ length: 40 }, (_, i) => `old_metric{i="${i % 4}"} ${i + 0.5} ${NOON_MS + i * 15_000}`);
    expect((await fetch(`${varve.baseUrl}/api/v1/import/prometheus`, { method: 'POST', body: lines.join('\n') })).status).toBe(204);
    const metadata = await until('a snapshot there', () => (remote.tables.has('metrics.samples') && remote.metadata('metrics.samples').snapshots.length > 0 ? remote.metadata('metrics.samples') : undefined));
    expect(metadata).toMatchObject({ location: LOCATION, 'format-version': 2, 'default-spec-id': 0, snapshots: [{ summary: { 'total-records': '40' } }] });
    const ours = (await (await fetch(`${varve.baseUrl}/iceberg/v1/namespaces/metrics/tables/samples`)).json()) as { readonly metadata: { readonly snapshots: unknown[] } };
    expect(metadata.snapshots).toEqual(ours.metadata.snapshots);
    // Objects are where the locations say, for Varve as for others.
    const list = await fetch(`${varve.baseUrl}/objects/${(metadata.snapshots[0]!['manifest-list'] as string).slice('s3://'.length)}`);
    expect([list.status, new TextDecoder().decode(new Uint8Array(await list.arrayBuffer()).subarray(0, 3))]).toEqual([200, 'Obj']);
    const sum = await fetch(`${varve.baseUrl}/api/v1/query?query=${encodeURIComponent('sum(count_over_time(old_metric[1h]))')}&time=${NOON_MS / 1000 + 1800}`);
    expect(await sum.json()).toMatchObject({ data: { result: [{ value: [expect.anything(), '40'] }] } });
    const metrics = await until('a metric', async () => /^varve_catalog_mirror_commits_total 1$/m.exec(await (await fetch(`${varve.baseUrl}/metrics`)).text()) ?? undefined);
    expect(metrics[0]).toContain('1');
    expect(varve.output + varve.errors).not.toContain('T0ken');
  } finally {
    close();
    rmSync(folder, { recursive: true, force: true });
  }
});
