import { TrieRouter } from 'hono/router/trie-router';
import { describe, expect, test } from 'vitest';
import { RememberingRouter } from '../../query/route-memory.ts';

const ROUTES = [
  ['ALL', '/*'], ['GET', '/api/v1/query'], ['POST', '/api/v1/query'], ['GET', '/api/v1/label/:name/values'],
  ['GET', '/v1/namespaces'], ['GET', '/v1/:prefix/namespaces'], ['GET', '/v1/namespaces/:namespace'], ['DELETE', '/keys/:id'],
] as const;
const PATHS = ['/', '/api/v1/query', '/api/v1/query/', '/api/v1/label/job/values', '/v1/namespaces', '/v1/a/namespaces', '/v1/namespaces/namespaces', '/keys/1', '/nothing'];
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS', 'BREW'];

describe('a router that remembers', () => {
  test('says what the tree says, the second time too', () => {
    const router = new RememberingRouter<string>();
    const tree = new TrieRouter<string>();
    for (const [method, path] of ROUTES) for (const each of [router, tree]) each.add(method, path, `${method} ${path}`);
    for (let time = 0; time < 3; time++) {
      for (const method of METHODS) for (const path of PATHS) expect(router.match(method, path), `${method} ${path}`).toEqual(tree.match(method, path));
    }
  });

  test('remembers paths without parameters alone, and only for methods of routes', () => {
    const router = new RememberingRouter<string>();
    for (const [method, path] of ROUTES) router.add(method, path, path);
    const isRemembered = (method: string, path: string) => router.match(method, path) === router.match(method, path);
    expect(isRemembered('GET', '/api/v1/query')).toBe(true);
    for (const [method, path] of [['GET', '/v1/a/namespaces'], ['GET', '/nothing'], ['BREW', '/api/v1/query'], ['DELETE', '/api/v1/query']] as const) {
      expect(isRemembered(method, path), `${method} ${path}`).toBe(false);
    }
  });

  test('a route that is added later counts for paths that have been asked for', () => {
    const router = new RememberingRouter<string>();
    router.add('GET', '/a', 'first');
    expect(router.match('GET', '/a')[0]).toHaveLength(1);
    router.add('ALL', '/*', 'second');
    expect(router.match('GET', '/a')[0]).toHaveLength(2);
  });
});
