import { expect, test } from 'vitest';
import { routeRule } from '../../../query/access/route-scopes.ts';
import { API_OPERATIONS } from '../../../query/routes/openapi-operations.ts';
import { nodeApp } from '../../fakes/node-app.ts';
import { memoryApi } from '../api.ts';

const served = new Set(nodeApp({}).app.routes.filter(({ path }) => routeRule(path) !== 'middleware').map(({ method, path }) => `${method} ${path}`));
const described = new Set(API_OPERATIONS.flatMap(({ methods, path }) => methods.map((method) => `${method} ${path}`)));

test('every route is described, and nothing else', () => {
  expect([...served].filter((route) => !described.has(route))).toEqual([]);
  expect([...described].filter((route) => !served.has(route))).toEqual([]);
});

test('the document is YAML of the usual form', async () => {
  const { ask } = await memoryApi();
  const answer = await ask('/api/v1/openapi.yaml');
  expect(answer.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
  const text = await answer.text();
  expect(text).toMatch(/^openapi: "3\.1\.0"\ninfo:\n {2}title: "Varve"\n/);
  expect(text).toContain('\n  "/api/v1/label/{name}/values":\n    get:\n      operationId: "getApiV1LabelNameValues"\n');
  const descriptions = (name: string) => [...text.matchAll(new RegExp(` name: "${name}"\\n +in: "query"\\n +description: "([^"]*)"`, 'g'))].map(([, words]) => words);
  expect(new Set(descriptions('step'))).toEqual(new Set(['Resolution: seconds or a duration such as 15s.']));
  expect(new Set(descriptions('fuzz_alg'))).toEqual(new Set(['The parameter fuzz_alg, as in Prometheus.']));
  expect(new Set(descriptions('max-keys'))).toEqual(new Set(['The parameter max-keys, as in S3 or in Iceberg’s REST catalog.']));
  for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^ *(?:- *)*(?:(?:[\w$]+|"[^"]+"|'\d+'):)?(?: (?:"(?:[^"\\]|\\.)*"|\[\]|\{\}|true|false|\d+))?$/);
  const ids = [...text.matchAll(/operationId: "(\w+)"/g)].map(([, id]) => id);
  expect(ids).toHaveLength(described.size);
  expect(new Set(ids).size).toBe(ids.length);
});
