import { describe, expect, test } from 'vitest';
import { digestOf, isSameDigest } from '../../../storage/access/digest.ts';
import { KEYRING_RPC_VERSION, type CreateKeyRequest } from '../../../storage/access/keyring-api.ts';
import { KeyringStore } from '../../../storage/access/keyring-store.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FaultySql } from '../../fakes/faulty-sql.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const version = KEYRING_RPC_VERSION;

function system(sql = new NodeSql()) {
  const clock = new FixedClock(NOON);
  const audit: unknown[] = [];
  return { sql, clock, audit, store: new KeyringStore(sql, clock, (event) => audit.push(event)) };
}

async function request(id: string, changes: Partial<CreateKeyRequest> = {}): Promise<CreateKeyRequest> {
  return {
    version, id, digest: await digestOf(`secret of ${id}`), tenant: 'team-a', scopes: ['read'], matchers: [], description: 'a test', createdBy: 'me', expiresInMs: undefined,
    ...changes,
  };
}

const verify = async (store: KeyringStore, id: string, secret = `secret of ${id}`) => store.verify({ version, id, digest: await digestOf(secret) });

test('a key is what it was made as, also for the next instance', async () => {
  const { sql, store } = system();
  const matchers = [{ name: 'team', type: '=~', value: 'a|"b"' } as const];
  const answer = store.create(await request('one', { scopes: ['read', 'admin'], matchers, expiresInMs: DAY_MS }));
  const expected = {
    id: 'one', tenant: 'team-a', scopes: ['read', 'admin'], matchers, description: 'a test', createdMs: NOON, createdBy: 'me', expiresMs: NOON + DAY_MS,
    revokedMs: undefined, revokedBy: undefined, lastUsedMs: undefined,
  };
  expect(answer).toEqual({ status: 'created', key: expected });
  expect(await verify(system(new NodeSql(sql.database)).store, 'one')).toEqual({ status: 'valid', key: expected });
});

test('neither the secret nor its digest is ever shown', async () => {
  const { sql, store, audit } = system();
  const made = store.create(await request('one'));
  store.revoke({ version, id: 'one', tenant: undefined, revokedBy: 'me' });
  const shown = JSON.stringify([made, store.list({ version, tenant: undefined }), audit]);
  expect(shown).not.toContain('secret');
  expect(shown).not.toContain('digest');
  const [row] = sql.all<{ digest: ArrayBuffer }>('SELECT * FROM api_key');
  expect(new Uint8Array(row!.digest)).toEqual(await digestOf('secret of one'));
  expect(JSON.stringify(row)).not.toContain('secret of');
});

test('a wrong secret, an unknown id, an expired and a revoked key are all the same', async () => {
  const { store, clock } = system();
  store.create(await request('one'));
  store.create(await request('short', { expiresInMs: HOUR_MS }));
  store.create(await request('gone'));
  store.revoke({ version, id: 'gone', tenant: undefined, revokedBy: 'me' });
  clock.advance(HOUR_MS - 1);
  expect((await verify(store, 'short')).status).toBe('valid');
  clock.advance(1);
  for (const [id, secret] of [['one', 'secret of two'], ['two', 'secret of two'], ['short', undefined], ['gone', undefined]] as const) {
    expect(await verify(store, id, secret), id).toEqual({ status: 'invalid' });
  }
  expect(store.verify({ version, id: 'one', digest: new Uint8Array(0) })).toEqual({ status: 'invalid' });
  // What an unknown id is compared with is no digest that anybody has.
  expect(store.verify({ version, id: 'two', digest: new Uint8Array(32) })).toEqual({ status: 'invalid' });
});

test('when a key was last used is known to an hour, for one row written an hour', async () => {
  const { sql, store, clock } = system();
  store.create(await request('one'));
  const written = sql.rowsWritten();
  for (let minute = 0; minute < 120; minute++, clock.advance(60_000)) await verify(store, 'one');
  expect(sql.rowsWritten() - written).toBe(2);
  expect(store.list({ version, tenant: undefined })).toMatchObject([{ lastUsedMs: NOON + HOUR_MS }]);
});

test('a call made twice does its work once; the same id with another secret is refused', async () => {
  const { store, audit } = system();
  const first = store.create(await request('one'));
  expect(store.create(await request('one'))).toEqual(first);
  expect(store.create(await request('one', { digest: await digestOf('other') })).status).toBe('refused');
  const revoke = { version, id: 'one', tenant: undefined, revokedBy: 'me' };
  expect(store.revoke(revoke)).toEqual(store.revoke({ ...revoke, revokedBy: 'somebody later' }));
  expect(audit).toEqual([
    { event: 'key-created', key: 'one', tenant: 'team-a', scopes: ['read'], matchers: [], expiresMs: undefined, by: 'me' },
    { event: 'key-revoked', key: 'one', tenant: 'team-a', by: 'me' },
  ]);
});

describe('a tenant', () => {
  test('lists and revokes its own keys only: not those of others, nor those of all tenants', async () => {
    const { store } = system();
    store.create(await request('a1'));
    store.create(await request('b1', { tenant: 'team-b' }));
    store.create(await request('all', { tenant: undefined }));
    const ids = (tenant: string | undefined) => store.list({ version, tenant }).map(({ id }) => id).sort();
    expect([ids('team-a'), ids('team-b'), ids('team-c'), ids(undefined)]).toEqual([['a1'], ['b1'], [], ['a1', 'all', 'b1']]);
    for (const id of ['b1', 'all', 'none']) expect(store.revoke({ version, id, tenant: 'team-a', revokedBy: 'a' })).toEqual({ status: 'unknown' });
    expect((await verify(store, 'b1')).status).toBe('valid');
    expect(store.revoke({ version, id: 'a1', tenant: 'team-a', revokedBy: 'a' }).status).toBe('revoked');
  });
});

test('there has been a key once there was one, also when it is revoked and long forgotten', async () => {
  const { store, clock } = system();
  expect(store.hasHadKeys()).toBe(false);
  store.create(await request('one'));
  store.revoke({ version, id: 'one', tenant: undefined, revokedBy: 'me' });
  clock.advance(31 * DAY_MS);
  store.create(await request('two', { expiresInMs: 1 }));
  expect(store.list({ version, tenant: undefined }).map(({ id }) => id)).toEqual(['two']);
  expect(store.hasHadKeys()).toBe(true);
});

test('the number of keys is bounded; those that ended make room after 30 days', async () => {
  const { sql, store, clock } = system();
  sql.run(
    `INSERT INTO api_key (id, digest, scopes, matchers, description, created_ms, created_by, revoked_ms)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${LIMITS.keysMax}) SELECT 'k' || i, x'00', 'read', '[]', '', 0, '', ${NOON} FROM n`,
  );
  expect(store.create(await request('one'))).toEqual({ status: 'refused', message: expect.stringContaining('keysMax') as unknown });
  expect(store.hasHadKeys()).toBe(false);
  clock.advance(30 * DAY_MS + 1);
  expect(store.create(await request('one')).status).toBe('created');
  expect(store.list({ version, tenant: undefined })).toHaveLength(1);
});

test('when storage breaks at any call, a key is there whole or not at all', async () => {
  const making = await request('one');
  const counting = new FaultySql(new NodeSql());
  system(counting as never).store.create(making);
  for (const when of ['before', 'after'] as const) {
    for (let call = 0; call < counting.calls; call++) {
      const sql = new NodeSql();
      expect(() => system(new FaultySql(sql, { call, when }) as never).store.create(making)).toThrow('storage fault');
      const { store } = system(new NodeSql(sql.database));
      const isThere = (await verify(store, 'one')).status === 'valid';
      expect(store.hasHadKeys(), `call ${call}, ${when}`).toBe(isThere);
      expect(store.create(making).status).toBe('created');
    }
  }
});

test('digests are compared whole', () => {
  const digest = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(isSameDigest(digest, digest.slice())).toBe(true);
  for (let i = 0; i < 32; i++) {
    const other = digest.slice();
    other[i]! ^= 0x80;
    expect(isSameDigest(digest, other)).toBe(false);
  }
  expect(isSameDigest(digest, digest.subarray(0, 31))).toBe(false);
});
