import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/*
 * Varve runs from two descriptions: wrangler.toml (wrangler, the tests in workerd) and query/cli/worker-process.ts (npm start). They must say the
 * same of the runtime.
 */
const root = join(import.meta.dirname, '../..');
const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8');
const serve = readFileSync(join(root, 'query/cli/worker-process.ts'), 'utf8');

/** All first groups of a pattern, sorted. */
function all(source: string, pattern: RegExp): string[] {
  return [...source.matchAll(pattern)].map((match) => match.slice(1).join(' ')).sort();
}

test('compatibility date and flags', () => {
  const dates = all(toml, /^compatibility_date = "([^"]+)"/gm);
  expect(dates).toHaveLength(1);
  expect(all(serve, /^const COMPATIBILITY_DATE = '([^']+)'/gm)).toEqual(dates);
  const flags = (list: string): string[] => list.split(/[^a-z_]+/).filter((flag) => flag !== '').sort();
  const [tomlFlags] = all(toml, /^compatibility_flags = \[([^\]]*)\]/gm);
  const [serveFlags] = all(serve, /^const COMPATIBILITY_FLAGS = \[([^\]]*)\]/gm);
  expect(tomlFlags).toBeDefined();
  expect(flags(serveFlags!)).toEqual(flags(tomlFlags!));
});

test('objects and buckets', () => {
  const objects = all(toml, /^name = "([A-Z_]+)"\nclass_name = "(\w+)"/gm);
  expect(objects).toHaveLength(3);
  expect(all(serve, /\b([A-Z_]+): \{ className: '(\w+)', \.\.\.OBJECT_OPTIONS \}/g)).toEqual(objects);
  expect(serve).toMatch(/^const OBJECT_OPTIONS = \{ useSQLite: true, /m);
  const buckets = all(toml, /^binding = "([A-Z_]+)"\nbucket_name = "([^"]+)"/gm);
  expect(buckets).toHaveLength(1);
  expect(all(serve, /r2Buckets: \{ ([A-Z_]+): '([^']+)' \}/g)).toEqual(buckets);
  const migrated = all(toml, /^new_sqlite_classes = \[([^\]]*)\]/gm).join(', ');
  for (const object of objects) expect(migrated).toContain(`"${object.split(' ')[1]}"`);
});
