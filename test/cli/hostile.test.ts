import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { freePort } from '../processes/free-port.ts';
import { killAll, VarveProcess } from './varve-process.ts';

/*
 * Requests that no HTTP library would send, as bytes on a socket, to a Varve with keys and to one that is open on loopback: nobody gets in
 * who should not, and afterwards it still serves.
 */
const folder = mkdtempSync(join(tmpdir(), 'varve-hostile-'));
const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';
let folders = 0;

afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(variables: Record<string, string>): Promise<VarveProcess> {
  return new VarveProcess({ PORT: String(await freePort()), DATA_DIR: join(folder, `data-${folders++}`), ...variables }).ready();
}

/** How long an answer may take to begin, and how long nothing comes when it is over. */
const FIRST_BYTE_MS = 2_000;
const QUIET_MS = 300;

/** The status lines of all answers to some bytes, until the server has nothing more to say. */
function send(varve: VarveProcess, bytes: string): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(varve.baseUrl).port), '127.0.0.1');
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve([...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status)));
    };
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      socket.setTimeout(QUIET_MS);
    });
    socket.on('error', done).on('close', done).on('timeout', done);
    socket.setTimeout(FIRST_BYTE_MS);
    socket.write(bytes, 'latin1');
  });
}

const KEY = `Authorization: Bearer ${ADMIN_KEY}\r\n`;
const get = (target: string, headers: string): string => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
const host = 'Host: localhost\r\n';

describe('with keys', () => {
  test('nobody gets in by bytes, and it still serves', { timeout: 60_000 }, async () => {
    const varve = await start({ VARVE_ADMIN_KEY: ADMIN_KEY });
    expect(await send(varve, get('/api/v1/labels', host + KEY))).toEqual([200]);
    const attempts: Record<string, string> = {
      'no key': get('/api/v1/labels', host),
      'dots in the path': get('/-/healthy/../api/v1/labels', host),
      'dots in the path, encoded': get('/-/healthy/%2e%2e/%2e%2e/api/v1/labels', host),
      'a slash encoded': get('/-/healthy/..%2f..%2fapi/v1/labels', host),
      backslashes: get('\\api\\v1\\labels', host),
      'an absolute target': get('http://localhost/api/v1/labels', host),
      'an absolute target elsewhere': get('http://evil.example/api/v1/labels', host),
      'credentials in the target': get(`http://x:${ADMIN_KEY}@localhost/api/v1/labels`, host),
      'no leading slash': get('api/v1/labels', host),
      'a null byte': get('/api/v1/labels\0', host),
      'a fragment': get('/api/v1/labels#/-/healthy', host),
      'two keys, the right one last': get('/api/v1/labels', `${host}Authorization: Bearer wrong\r\n${KEY}`),
      'two keys, the right one first': get('/api/v1/labels', `${host}${KEY}Authorization: Bearer wrong\r\n`),
      'the same key twice': get('/api/v1/labels', host + KEY + KEY),
      'a folded header': get('/api/v1/labels', `${host}Authorization: Bearer\r\n ${ADMIN_KEY}\r\nX: y\r\n`).replace(ADMIN_KEY, `${ADMIN_KEY}x`),
      'a space before the colon': get('/api/v1/labels', `${host}Authorization : Bearer ${ADMIN_KEY}x\r\n`),
      'two tenants': get('/api/v1/labels', `${host}${KEY}X-Scope-OrgID: a\r\nX-Scope-OrgID: b\r\n`),
      'a tenant in another spelling': get('/api/v1/labels', `${host}${KEY}X_Scope_OrgID: a\r\n`),
      'a tenant that is encoded': get('/api/v1/labels', `${host}${KEY}X-Scope-OrgID: a%2fb\r\n`),
      'a header of 1 MB': get('/api/v1/labels', `${host}Authorization: Bearer ${'x'.repeat(1 << 20)}\r\n`),
      '20,000 headers': get('/api/v1/labels', host + 'X-A: b\r\n'.repeat(20_000)),
      'a target of 1 MB': get(`/api/v1/labels?${'x'.repeat(1 << 20)}`, host),
      'no version': 'GET /api/v1/labels\r\n\r\n',
      'nonsense': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.repeat(50),
      // One request by Content-Length, two by Transfer-Encoding: what is behind must not be served with anybody's rights.
      'two lengths': `POST /api/v1/query HTTP/1.1\r\n${host}Content-Length: 4\r\nContent-Length: 60\r\n\r\nabcdGET /api/v1/labels HTTP/1.1\r\n${host}\r\n`,
      'a length and chunks': `POST /api/v1/query HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/labels HTTP/1.1\r\n${host}\r\n`,
      'chunks that are none': `POST /api/v1/query HTTP/1.1\r\n${host}Transfer-Encoding: chunked, identity\r\n\r\nzz\r\n`,
      'a negative length': `POST /api/v1/query HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
    };
    const answers = await Promise.all(Object.entries(attempts).map(async ([what, bytes]) => ({ what, statuses: await send(varve, bytes) })));
    for (const { what, statuses } of answers) expect(statuses.filter((status) => status < 400), `${what}: ${statuses.join()}`).toEqual([]);
    expect(await send(varve, get('/api/v1/labels', host + KEY))).toEqual([200]);
    expect((await varve.stop('SIGTERM')).code).toBe(0);
    expect(`${varve.output}${varve.errors}`).not.toContain(ADMIN_KEY);
  });
});

test('a large body without a key is answered, not cut off while its sender still sends: it would try the same again for ever', { timeout: 60_000 }, async () => {
  const varve = await start({ VARVE_ADMIN_KEY: ADMIN_KEY });
  const large = new Uint8Array(LIMITS.refusedBodyBytesMax);
  for (let i = 0; i < 3; i++) {
    for (const init of [{ body: large }, { body: new Blob([large]).stream(), duplex: 'half' }]) {
      const answer = await fetch(`${varve.baseUrl}/api/v1/write`, { method: 'POST', ...init } as RequestInit);
      expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('a key is needed')]);
    }
  }
  expect((await varve.stop('SIGTERM')).code).toBe(0);
});

describe('open on loopback', () => {
  test('a name that is not this machine’s is refused, however it is sent', { timeout: 60_000 }, async () => {
    const varve = await start({});
    const { port } = new URL(varve.baseUrl);
    for (const name of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, '[::1]']) expect(await send(varve, get('/api/v1/labels', `Host: ${name}\r\n`)), name).toEqual([200]);
    const names = ['evil.example', `evil.example:${port}`, 'localhost.evil.example', 'localhost@evil.example', 'evil.example#localhost', 'evil.example/localhost', '127.0.0.1.evil.example', '169.254.169.254', ''];
    const answers = await Promise.all(names.map(async (name) => ({ name, statuses: await send(varve, get('/api/v1/labels', `Host: ${name}\r\n`)) })));
    for (const { name, statuses } of answers) expect(statuses.filter((status) => status < 400), `${name}: ${statuses.join()}`).toEqual([]);
    const form = `POST /api/v1/admin/keys HTTP/1.1\r\n${host}Origin: https://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n{"scopes":["read"]}`;
    expect(await send(varve, form)).toEqual([403]);
    expect(await send(varve, get('/api/v1/labels', host))).toEqual([200]);
    expect((await varve.stop('SIGTERM')).code).toBe(0);
  });
});
