import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { s3KeyOf, type Signing } from './sign.ts';

export const NOON = Date.UTC(2024, 0, 14, 12);
export const BASE = 'https://varve.example/objects';
export const ADMIN_KEY = 'an-operators-key-0123456789abcdefghij';

export interface S3System extends NodeApp {
  readonly store: MemoryObjectStore;
  /** A key with some rights, as `POST /api/v1/admin/keys` makes it. */
  makeKey(fields: Readonly<Record<string, unknown>>): Promise<string>;
  /** How the holder of a key signs, at this moment. */
  signing(key: string): Signing;
}

/** The whole Worker over objects of two tenants. `variables` says more than the admin's key. */
export async function s3System(variables: Readonly<Record<string, string>> = { VARVE_ADMIN_KEY: ADMIN_KEY }): Promise<S3System> {
  const store = new MemoryObjectStore(7);
  for (const tenant of ['team-a', 'team-ab', 'default']) {
    for (let file = 0; file < 12; file++) await store.create(`${tenant}/archive/samples/data/timestamp_day=2024-01-${String(file % 3 + 1).padStart(2, '0')}/${file}.parquet`, Uint8Array.from({ length: 100 + file }, (_, i) => (i * 7 + file) & 255));
    await store.create(`${tenant}/archive/samples/metadata/00001-x.metadata.json`, new TextEncoder().encode('{}'));
  }
  const system = nodeApp(variables, undefined, NOON, LIMITS, store);
  return {
    ...system,
    store,
    async makeKey(fields) {
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
      const answer = await system.app.request('/api/v1/admin/keys', { method: 'POST', headers, body: JSON.stringify(fields) });
      return ((await answer.json()) as { data: { secret: string } }).data.secret;
    },
    signing: (key) => ({ ...s3KeyOf(key), timeMs: system.clock.nowMs() }),
  };
}
