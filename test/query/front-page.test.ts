import { describe, expect, test } from 'vitest';
import { API_OPERATIONS } from '../../query/routes/openapi-operations.ts';
import { VARVE_VERSION } from '../../query/version.ts';
import { nodeApp } from '../fakes/node-app.ts';
import { memoryApi } from './api.ts';

const ADMIN_KEY = 'an-admin-key-of-at-least-32-characters';

describe('the page at the base URL', () => {
  test('names the server, and every path that is served with what it does', async () => {
    const { ask } = await memoryApi();
    const answer = await ask('/');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const html = await answer.text();
    expect(html).toContain(`<h1>Varve ${VARVE_VERSION}</h1>`);
    for (const { path, methods, summary } of API_OPERATIONS.filter((each) => each.path !== '/')) {
      const [row] = html.split('\n').filter((line) => line.includes(`<code>${path}</code>`));
      expect(row).toContain(`<td>${methods.join(', ')}</td>`);
      expect(row).toContain(`<td>${summary}</td>`);
    }
  });

  test('leads where a browser can go, under whatever path a proxy has it', async () => {
    const { ask } = await memoryApi();
    const html = await (await ask('/')).text();
    const targets = [...html.matchAll(/href="([^"]*)"/g)].map(([, target]) => target!);
    expect(targets).toContain('./api/v1/openapi.yaml');
    expect(targets).toContain('./-/healthy');
    expect(targets).not.toContain('./api/v1/query');
    for (const target of targets) {
      expect(target).toMatch(/^\.\/[^:*]*$/);
      const { status } = await ask(target.slice(1));
      // Without an archive there is none of these.
      if (/^\.\/(?:iceberg|objects)/.test(target)) expect([400, 405], target).not.toContain(status);
      else expect(status, target).toBeLessThan(300);
    }
  });

  test('loads and runs nothing', async () => {
    const { ask } = await memoryApi();
    const answer = await ask('/');
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
    expect(await answer.text()).not.toMatch(/<script|<link|<style|<img|src=|\son\w+=/);
  });

  test('HEAD has what GET has but the page; nothing else is allowed', async () => {
    const { ask } = await memoryApi();
    const head = await ask('/', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'text/html; charset=utf-8', '']);
    const post = await ask('/', { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

describe('who has no key', () => {
  test('sees the page without the version, and wakes nothing', async () => {
    const { app, shards } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { 'x-scope-orgid': 'other' }] as const) {
      const answer = await app.request('/', { headers: headers as Record<string, string> });
      expect(answer.status).toBe(200);
      const html = await answer.text();
      expect(html).toContain('<h1>Varve</h1>');
      expect(html).not.toContain(VARVE_VERSION);
    }
    expect(shards.calls.size).toBe(0);
  });

  test('and who has one sees it', async () => {
    const { app } = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY });
    const answer = await app.request('/', { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(await answer.text()).toContain(`<h1>Varve ${VARVE_VERSION}</h1>`);
  });
});
