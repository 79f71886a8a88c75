import { evictAllDurableObjects } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { ask, getJson, list } from './client.ts';

/* What /api/v1/metadata answers, out of the catalog's SQLite. */
const entries: MetadataEntry[] = [
  { metric: 'a_total', type: 'counter', help: 'All "a".', unit: '' },
  { metric: 'b_seconds', type: 'histogram', help: 'Time\nspent.', unit: 'seconds' },
  { metric: 'b_seconds', type: 'gauge', help: 'Another view.', unit: 'seconds' },
  { metric: 'constructor', type: 'unknown', help: '', unit: '' },
];

beforeAll(async () => {
  const catalog = env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));
  for (const entry of entries) await catalog.noteMetadata({ version: 1, entries: [entry] });
  await evictAllDurableObjects();
});

const A = { a_total: [{ type: 'counter', help: 'All "a".', unit: '' }] };

test('all metrics', async () => {
  const data = (await list('/api/v1/metadata')) as Record<string, unknown[]>;
  expect(Object.keys(data)).toEqual(['a_total', 'b_seconds', 'constructor']);
  expect(data).toMatchObject(A);
  expect(data['b_seconds']).toEqual(expect.arrayContaining([{ type: 'histogram', help: 'Time\nspent.', unit: 'seconds' }, { type: 'gauge', help: 'Another view.', unit: 'seconds' }]));
});

test('limits and a metric', async () => {
  expect(await list('/api/v1/metadata', { limit: 1 })).toEqual(A);
  expect(await list('/api/v1/metadata', { limit: 0 })).toEqual({});
  expect(Object.keys((await list('/api/v1/metadata', { limit: -1 })) as object)).toHaveLength(3);
  expect(await list('/api/v1/metadata', { metric: 'a_total' })).toEqual(A);
  expect(await list('/api/v1/metadata', { metric: 'nothing' })).toEqual({});
  const one = (await list('/api/v1/metadata', { metric: 'b_seconds', limit_per_metric: 1 })) as Record<string, unknown[]>;
  expect(one['b_seconds']).toHaveLength(1);
});

test('limits that are no numbers', async () => {
  for (const name of ['limit', 'limit_per_metric']) {
    const { status, json } = await getJson('/api/v1/metadata', { [name]: 'x' });
    expect([status, json.errorType, json.error]).toEqual([400, 'bad_data', `${name} must be a number`]);
  }
  expect((await ask('/api/v1/metadata', { method: 'POST' })).status).toBe(405);
});
