import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { freePort } from '../processes/free-port.ts';
import { s3KeyOf } from '../query/s3/sign.ts';
import { killAll, ROOT, VarveProcess } from './varve-process.ts';

/*
 * `npm run keys` and `npm start` together, as processes: keys made while Varve runs and while it does not, what is served with and without
 * them, and that no secret is left lying about.
 */
const folder = mkdtempSync(join(tmpdir(), 'varve-keys-'));
const TIMEOUT = { timeout: 60_000 };
let folders = 0;

afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freshSettings(): Promise<{ PORT: string; DATA_DIR: string }> {
  return { PORT: String(await freePort()), DATA_DIR: join(folder, `data-${folders++}`) };
}

async function keys(settings: Readonly<Record<string, string>>, ...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const command = new VarveProcess(settings, [join(ROOT, 'query/cli/keys.ts'), ...args]);
  const { code } = await command.exited;
  return { code, output: command.output, errors: command.errors };
}

async function makeKey(settings: Readonly<Record<string, string>>, ...args: string[]): Promise<{ id: string; secret: string; output: string }> {
  const { code, output, errors } = await keys(settings, 'create', ...args);
  expect([code, errors]).toEqual([0, '']);
  const secret = /vrv_(\w{12})_\w+/.exec(output)!;
  return { id: secret[1]!, secret: secret[0], output };
}

const bearer = (secret: string): RequestInit => ({ headers: { authorization: `Bearer ${secret}` } });
const statusOf = async (base: string, secret?: string): Promise<number> => (await fetch(`${base}/api/v1/labels`, secret === undefined ? {} : bearer(secret))).status;

/** Every byte that a run has left on disk. */
function everythingIn(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('made while Varve runs: it closes at once, goes on scraping itself, and a revoked key is refused', TIMEOUT, async () => {
  const settings = await freshSettings();
  const varve = await new VarveProcess({ ...settings, VARVE_SELF_SCRAPE: 'on' }).ready();
  expect(varve.output).toContain('There are no keys: every program on this machine can read and write.');
  expect(await statusOf(varve.baseUrl)).toBe(200);
  expect(statSync(join(settings.DATA_DIR, 'varve.local.json')).mode & 0o777).toBe(0o600);

  const { id, secret, output } = await makeKey(settings, '--scopes', 'read,write', '--description', 'a test');
  expect(output).toContain(`Key ${id} of default: read, write\n\n  ${secret}\n`);
  expect(output).toContain(`    access key id      ${id}\n    secret access key  ${s3KeyOf(secret).secretAccessKey}\n`);
  expect([await statusOf(varve.baseUrl), await statusOf(varve.baseUrl, secret)]).toEqual([401, 200]);
  const list = await keys(settings, 'list');
  expect(list.output).toMatch(new RegExp(`^${id}  default  read,write  valid  \\S+ \\d\\dh  a test$`, 'm'));

  const deadlineMs = Date.now() + 10_000;
  let scrapes: unknown = [];
  while (Date.now() < deadlineMs && (scrapes as unknown[]).length === 0) {
    const answer = await fetch(`${varve.baseUrl}/api/v1/query?query=up`, bearer(secret));
    scrapes = ((await answer.json()) as { data: { result: unknown } }).data.result;
  }
  expect(scrapes).toMatchObject([{ metric: { job: 'varve' }, value: [expect.any(Number), '1'] }]);

  expect((await keys(settings, 'revoke', id)).output).toContain(`Key ${id} is revoked.`);
  expect(await statusOf(varve.baseUrl, secret)).toBe(401);
  expect((await keys(settings, 'list')).output).toMatch(new RegExp(`^${id} .* revoked \\d{4}-`, 'm'));
  expect((await varve.stop('SIGTERM')).code).toBe(0);
  expect(varve.errors).toBe('');
  expect(existsSync(join(settings.DATA_DIR, 'varve.local.json'))).toBe(false);
  // Neither the log nor the disk has the secret; both know the id.
  const left = `${varve.output}${everythingIn(settings.DATA_DIR)}`;
  expect(left).toContain(id);
  expect(left).not.toContain(secret.slice(17, 40));
});

test('made while it does not run: the next start serves nobody without, on any address', TIMEOUT, async () => {
  const settings = await freshSettings();
  const refused = new VarveProcess({ ...settings, HOST: '0.0.0.0' });
  expect((await refused.exited).code).toBe(1);
  expect(refused.errors).toBe('varve: HOST is 0.0.0.0, which others can reach, and there is no key; make one with "npm run keys -- create --scopes read,write" and start again\n');

  const { secret, output } = await makeKey(settings, '--scopes', 'read', '--tenant', 'team-a', '--match', '{team="x"}', '--expires', '30d');
  expect(output).toContain('of team-a: read, only {team="x"}');
  expect(output).toContain('From its next start on, this Varve serves nobody without a key.');
  const varve = await new VarveProcess({ ...settings, HOST: '0.0.0.0' }).ready();
  expect(varve.output).toContain('Nobody is served without a key');
  expect([await statusOf(varve.baseUrl), await statusOf(varve.baseUrl, secret)]).toEqual([401, 200]);
  // Served under any name, now that there is a key.
  expect((await fetch(`${varve.baseUrl}/-/ready`)).status).toBe(200);
  expect((await varve.stop('SIGTERM')).code).toBe(0);
});

test('of another Varve, by its URL and an admin key', TIMEOUT, async () => {
  const settings = await freshSettings();
  const admin = 'a-secret-of-the-operator-0123456789abcdef';
  const varve = await new VarveProcess({ ...settings, VARVE_ADMIN_KEY: admin }).ready();
  const elsewhere = { ...(await freshSettings()), VARVE_ADMIN_KEY: admin };
  const { secret } = await makeKey(elsewhere, '--scopes', 'read', '--url', `${varve.baseUrl}/`);
  expect(await statusOf(varve.baseUrl, secret)).toBe(200);
  const wrong = await keys({ ...elsewhere, VARVE_ADMIN_KEY: `${admin}x` }, 'list', '--url', varve.baseUrl);
  expect([wrong.code, wrong.errors]).toEqual([1, `varve: ${varve.baseUrl} answered 401: this key is not valid: unknown, revoked or expired\n`]);
  expect(existsSync(elsewhere.DATA_DIR)).toBe(false);
  expect(`${varve.output}${varve.errors}`).not.toContain(admin);
  expect((await varve.stop('SIGTERM')).code).toBe(0);
});

test('mistakes are one line each', TIMEOUT, async () => {
  const settings = await freshSettings();
  const refuses = async (text: RegExp, ...args: string[]): Promise<void> => {
    const { code, output, errors } = await keys(settings, ...args);
    expect([code, output]).toEqual([1, '']);
    expect(errors).toMatch(text);
    expect(errors.trimEnd().split('\n')).toHaveLength(1);
  };
  await refuses(/there is no data in .*; set DATA_DIR/, 'list');
  expect(existsSync(settings.DATA_DIR)).toBe(false);
  await refuses(/there is no such command: destroy/, 'destroy');
  await refuses(/--scopes read,write/, 'create');
  await refuses(/Unknown option '--scope'/, 'create', '--scope', 'read');
  await refuses(/there is no such command: revoke/, 'revoke');
  await refuses(/put a key with the scope admin into the environment/, 'list', '--url', 'http://127.0.0.1:1');
  await refuses(/"scopes" must be a list of one or more of read, write, admin/, 'create', '--scopes', 'all');
  await refuses(/there is no key with this id/, 'revoke', 'abc');
  expect((await keys(settings)).output).toContain('usage: npm run keys');
  expect(existsSync(join(settings.DATA_DIR, 'varve.local.json'))).toBe(false);
});
