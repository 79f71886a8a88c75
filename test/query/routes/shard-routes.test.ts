import { describe, expect, test } from 'vitest';
import { HOUR_MS } from '../../../storage/runtime/units.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';

function system(variables: Record<string, string> = {}) {
  const node: NodeApp = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_SHARDS: '2', ...variables }, undefined, NOON);
  node.shards.nowMs = NOON;
  const ask = async (init: RequestInit = {}, path = '/api/v1/admin/shards'): Promise<[number, unknown]> => {
    const answer = await node.app.request(path, { ...init, headers: { authorization: `Bearer ${ADMIN_KEY}`, ...init.headers } });
    const json = (await answer.json()) as { data?: unknown; error?: string };
    return [answer.status, json.data ?? json.error];
  };
  const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<[number, unknown]> => ask({ method: 'POST', body, headers });
  const advance = (ms: number): void => {
    node.clock.advance(ms);
    node.shards.nowMs = node.clock.nowMs();
  };
  return { node, ask, post, advance };
}

const FIRST = { epoch: 1, shardCount: 2, firstShard: 0, from: null, until: null, state: 'current' };
const UNTIL = '2024-01-14T13:00:00.001Z';
const TO_COME = { epoch: 2, shardCount: 4, firstShard: 2, from: UNTIL, until: null, state: 'to come' };

describe('/api/v1/admin/shards', () => {
  test('tells the maps, and makes another that takes effect later', async () => {
    const { ask, post, advance } = system();
    expect(await ask()).toEqual([200, { maps: [FIRST] }]);
    const announced = [200, { maps: [{ ...FIRST, until: UNTIL }, TO_COME] }];
    expect(await post('{"shardCount": 4}')).toEqual(announced);
    // At once, whatever this isolate knows.
    expect(await ask()).toEqual(announced);
    // Whoever has got no answer asks again.
    expect(await post('{"shardCount": 4}')).toEqual(announced);
    advance(HOUR_MS);
    expect(await ask()).toEqual(announced);
    advance(1);
    const inForce = [200, { maps: [{ ...FIRST, until: UNTIL, state: 'old' }, { ...TO_COME, state: 'current' }] }];
    expect(await ask()).toEqual(inForce);
    expect(await post('{"shardCount":4}')).toEqual(inForce);
    expect((await ask({}, '/api/v1/status/tiers'))[1]).toMatchObject({ shardMaps: (inForce[1] as { maps: unknown }).maps });
  });

  test('the number that a tenant has changes nothing', async () => {
    const { post, node } = system();
    expect(await post('{"shardCount": 2}')).toEqual([200, { maps: [FIRST] }]);
    node.clock.advance(10 * HOUR_MS);
    expect((await node.router.tenant('default')).maps.length).toBe(1);
  });

  test('one change is announced at a time', async () => {
    const { post, advance } = system();
    await post('{"shardCount": 4}');
    expect(await post('{"shardCount": 5}')).toEqual([422, `4 shards take effect at ${UNTIL}, and one change is announced at a time: ask for another number from then on`]);
    advance(HOUR_MS + 1);
    expect(await post('{"shardCount": 5}')).toMatchObject([200, { maps: [{ state: 'old' }, { state: 'current' }, { shardCount: 5, firstShard: 6, from: '2024-01-14T14:00:00.001Z', state: 'to come' }] }]);
  });

  test('it waits for as long as a tenant’s samples may be ahead', async () => {
    const { post } = system({ VARVE_TENANT_LIMITS: '{"*":{"timestampAheadMsMax":86400000}}' });
    expect(await post('{"shardCount": 1}')).toMatchObject([200, { maps: [{}, { from: '2024-01-15T13:00:00.001Z' }] }]);
  });

  test.each(['', '4', 'null', '[4]', '{}', '{"shardCount":"4"}', '{"shardCount":0}', '{"shardCount":65}', '{"shardCount":1.5}', '{"shardCount":4,"tenant":"a"}', '\xff'])('%j is refused, and changes nothing', async (body) => {
    const { post, ask } = system();
    expect(await post(body)).toEqual([400, 'the body must be {"shardCount": N}, a whole number from 1 to 64 (shardsMax)']);
    expect(await ask()).toEqual([200, { maps: [FIRST] }]);
  });

  test('a form of somebody else’s page is refused', async () => {
    const { post, ask } = system();
    expect((await post('{"shardCount": 4}', { 'content-type': 'text/plain' }))[0]).toBe(415);
    expect(await ask()).toEqual([200, { maps: [FIRST] }]);
  });

  test('is of one tenant, and for who administers it', async () => {
    const { node, ask, post } = system();
    const made = await ask({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ scopes: ['read', 'write'], tenant: 'default' }) }, '/api/v1/admin/keys');
    const { secret } = made[1] as { secret: string };
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    for (const init of [{ headers }, { method: 'POST', headers, body: '{"shardCount":4}' }]) expect((await node.app.request('/api/v1/admin/shards', init)).status).toBe(403);
    await post('{"shardCount": 4}');
    expect(await ask({ headers: { 'x-scope-orgid': 'another' } })).toEqual([200, { maps: [FIRST] }]);
  });
});
