import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, matchesGlob, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ALONE } from './alone.ts';

/*
 * The house rules that a machine can check: who may import whom, where the raw calls to the outside are allowed, and that no file has
 * grown past one concept.
 */
const root = join(import.meta.dirname, '..');
const PRODUCT = ['worker.ts', '{ingest,query,storage,promql,proto}/**/*.{ts,mjs}'];
const files = PRODUCT.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
const FILE_LINES_MAX = 450;

/** Folder → the folders that it may import, besides itself. The most specific entry counts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  'storage/model': [],
  'storage/runtime': [],
  'storage/chunk': ['proto', 'storage/model', 'storage/runtime'],
  'storage/shard': ['proto', 'storage/model', 'storage/runtime', 'storage/chunk'],
  // The shell of the object, where shard and archive meet.
  'storage/shard/shard-object.ts': ['storage/model', 'storage/runtime', 'storage/chunk', 'storage/shard', 'storage/archive/flush/open-flusher.ts', 'storage/warm/read-tiering-policy.ts'],
  'storage/catalog': ['proto', 'storage/model', 'storage/runtime', 'storage/chunk', 'storage/object-store.ts', 'storage/put-object.ts'],
  // The shell of the object, where catalog and archive meet.
  'storage/catalog/catalog-object.ts': ['storage/runtime', 'storage/catalog', 'storage/object-store.ts', 'storage/archive/upkeep/open-upkeep.ts', 'storage/archive/upkeep/metadata-snapshots.ts', 'storage/archive/upkeep/snapshot-publisher.ts', 'storage/archive/upkeep/catalog-recovery.ts', 'storage/archive/upkeep/catalog-mirror.ts', 'storage/warm/open-rollups.ts'],
  'storage/archive': ['proto', 'storage/model', 'storage/runtime', 'storage/chunk', 'storage/shard', 'storage/catalog', 'storage/object-store.ts', 'storage/put-object.ts'],
  'storage/warm': ['proto', 'storage/model', 'storage/runtime', 'storage/chunk', 'storage/shard', 'storage/catalog', 'storage/archive', 'storage/object-store.ts', 'storage/put-object.ts'],
  'storage/access': ['storage/model', 'storage/runtime', 'storage/shard', 'storage/catalog', 'storage/shard-maps.ts', 'storage/shard-router.ts'],
  storage: ['proto', 'storage/model', 'storage/runtime', 'storage/chunk', 'storage/shard', 'storage/catalog', 'storage/archive', 'storage/warm'],
  promql: ['storage/model', 'storage/runtime'],
  ingest: ['proto', 'storage'],
  query: ['promql', 'storage', 'proto', 'ingest/read-body.ts', 'ingest/short-body.ts', 'ingest/write-outcome.ts', 'ingest/door-paths.ts', 'ingest/otlp/otlp-response.ts'],
  // The menu of all routes.
  'query/app.ts': ['ingest', 'query', 'proto', 'storage'],
  'worker.ts': ['ingest', 'query', 'proto', 'storage', '.build'],
};

/** Parts of a folder that do not know of others: what is behind them, and what stands beside them. */
const DOES_NOT_KNOW: Readonly<Record<string, readonly string[]>> = {
  'ingest/remote-write': ['ingest/otlp', 'ingest/import'],
  'ingest/otlp': ['ingest/remote-write', 'ingest/import'],
  'ingest/import': ['ingest/remote-write', 'ingest/otlp'],
  'storage/shard/run': ['storage/shard'],
  'storage/shard/log': ['storage/shard/append', 'storage/shard/late', 'storage/shard/select', 'storage/shard/feed'],
  'storage/shard/segment': ['storage/shard/append', 'storage/shard/late', 'storage/shard/select', 'storage/shard/feed'],
  'storage/archive/parquet': ['storage/archive', 'storage/shard'],
  'storage/archive/files': ['storage/archive/flush', 'storage/archive/rewrite', 'storage/archive/upkeep'],
  'storage/archive/flush': ['storage/archive/rewrite', 'storage/archive/upkeep'],
  'query/text': ['query/source', 'query/routes', 'query/access', 'ingest'],
  'query/source': ['query/routes', 'query/access', 'ingest'],
};

/** Calls that differ between runs, and the one place where they may stand. */
const RAW_CALLS =
  /\b(?:Date\.now|performance\.now|Temporal\.Now|Math\.random|crypto\.(?:randomUUID|getRandomValues)|setTimeout|setInterval|AbortSignal\.timeout|new Date(?![\w(])|Date\(\))|(?<![.\w#])fetch\(/;
const RAW_CALLS_HOME = 'storage/runtime/';
/** The Worker's entry is called fetch; and what runs before anything is installed has no ports. */
const RAW_CALLS_EXEMPT = new Set(['worker.ts', 'query/cli/run.mjs']);

/**
 * The system's ports, and who may take one: where things are put together, and what has no other. All else is given its own, so that tests and
 * simulations decide what time it is, and so that a route goes by the same clock as the app around it.
 */
const OBJECTS = ['storage/shard/shard-object.ts', 'storage/catalog/catalog-object.ts', 'storage/access/keyring-object.ts', 'storage/archive/flush/open-flusher.ts', 'storage/shard/hot-store.ts', 'storage/time-series/options.ts'];
const SYSTEM_PORTS: Readonly<Record<string, readonly string[]>> = {
  systemClock: ['worker.ts', 'query/cli', ...OBJECTS],
  systemRandom: ['worker.ts', 'query/cli', ...OBJECTS, 'query/source/tenant-source.ts'],
  systemFetch: ['worker.ts', 'query/cli', ...OBJECTS],
  startSystemTimer: ['worker.ts', ...OBJECTS, 'ingest/read-body.ts', 'ingest/short-body.ts', 'query/parameters.ts'],
};

function imports(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  const found = source.matchAll(/(?:from|import)\s+'(\.[^']+)'/g);
  return [...found].map(([, target]) => relative(root, join(root, dirname(path), target!)));
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

function ruleFor(path: string): string {
  const rules = Object.keys(MAY_IMPORT).filter((folder) => path === folder || path.startsWith(`${folder}/`));
  return rules.sort((a, b) => b.length - a.length)[0] ?? '';
}

describe('imports', () => {
  test('there are files to look at', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test.each(files)('%s', (path) => {
    const rule = ruleFor(path);
    expect(MAY_IMPORT[rule], `no rule for ${path}`).toBeDefined();
    const allowed = [...MAY_IMPORT[rule]!, rule];
    const forbidden = imports(path).filter((target) => !allowed.some((folder) => target === folder || target.startsWith(`${folder}/`)));
    expect(forbidden).toEqual([]);
  });

  const within = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

  test.each(Object.entries(DOES_NOT_KNOW))('%s', (part, others) => {
    const itself = files.filter((path) => within(path, part));
    expect(itself).not.toEqual([]);
    const known = itself.flatMap((path) => imports(path).filter((target) => !within(target, part) && others.some((folder) => within(target, folder))).map((target) => `${path} → ${target}`));
    expect(known).toEqual([]);
  });

  test('what the doors of ingest share knows none of them', () => {
    const shared = files.filter((path) => dirname(path) === 'ingest');
    expect(shared).not.toEqual([]);
    const known = shared.flatMap((path) => imports(path).filter((target) => within(target, 'ingest') && dirname(target) !== 'ingest').map((target) => `${path} → ${target}`));
    expect(known).toEqual([]);
  });
});

describe('raw calls to clock, random, timers and network', () => {
  test('the pattern finds them', () => {
    for (const call of ['Date.now()', 'x = performance.now()', 'await fetch(url)', 'setTimeout(f, 1)', 'crypto.randomUUID()', 'new Date()', 'new Date;', 'String(Date())']) {
      expect(RAW_CALLS.test(call), call).toBe(true);
    }
    for (const call of ['this.#fetch(url)', 'app.fetch(request)', 'new Date(0)', 'new Dates()', 'clock.nowMs()']) expect(RAW_CALLS.test(call), call).toBe(false);
  });

  test.each(files.filter((path) => !path.startsWith(RAW_CALLS_HOME) && !RAW_CALLS_EXEMPT.has(path)))('%s', (path) => {
    const lines = withoutComments(readFileSync(join(root, path), 'utf8')).split('\n');
    expect(lines.filter((line) => RAW_CALLS.test(line))).toEqual([]);
  });
});

test.each(Object.entries(SYSTEM_PORTS))('%s is taken where things are put together, and nowhere else', (port, takers) => {
  const outside = files.filter((path) => !path.startsWith(RAW_CALLS_HOME));
  const taking = outside.filter((path) => new RegExp(`\\b${port}\\b`).test(withoutComments(readFileSync(join(root, path), 'utf8'))));
  expect(taking).toContain('worker.ts');
  expect(taking.filter((path) => !takers.some((taker) => path === taker || path.startsWith(`${taker}/`)))).toEqual([]);
});

test('a tenant’s shards are opened in one place, which knows what a request may see', () => {
  // Health is the exception: it looks at one tenant whoever asks, and tells nothing of it.
  const allowed = new Set(['query/tenant.ts', 'query/routes/admin-routes.ts']);
  const opening = files.filter((path) => /\brouter\.tenant\(/.test(withoutComments(readFileSync(join(root, path), 'utf8'))));
  expect(opening.filter((path) => !allowed.has(path))).toEqual([]);
  expect(opening).toContain('query/tenant.ts');
});

test('no file holds more than one concept can need', () => {
  const long = files.filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > FILE_LINES_MAX);
  expect(long).toEqual([]);
});

test('nothing is left open or switched off', () => {
  const everything = [...files, ...globSync('test/**/*.ts', { cwd: root })];
  // In brackets, so that the marks are not found here: this file is looked at as well.
  const marks = /\b(?:T[O]DO|F[I]XME|X[X]X)\b|\.(?:s[k]ip|o[n]ly|t[o]do)\(|@ts-[i]gnore|\bas [a]ny\b|\b[e]val\((?!\?)|new [F]unction\(/;
  const open = everything.filter((path) => marks.test(readFileSync(join(root, path), 'utf8')));
  expect(open).toEqual([]);
});

describe('files that are named are there', () => {
  const folders = '{ingest,query,storage,promql,proto,test}/**';
  const there = ['worker.ts', ...globSync(`${folders}/*.{ts,mjs}`, { cwd: root })];
  const isThere = (from: string, name: string): boolean => {
    const path = name.startsWith('../') ? join(dirname(from), name) : name;
    return there.some((file) => file === path || file.endsWith(`/${path}`));
  };
  const gone = (from: readonly string[], names: RegExp): string[] =>
    from.flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(names)].map(([, name = '']) => name).filter((name) => !isThere(path, name)).map((name) => `${path}: ${name}`));

  test('by pages', () => {
    // A name that begins with a dash is the end of one before it.
    expect(gone(['README.md', ...globSync(`${folders}/*.md`, { cwd: root })], /`([\w.][\w./-]*\.(?:ts|mjs))`/g)).toEqual([]);
  });

  test('by comments', () => {
    // What stands in quotes is imported, and the compiler's to find.
    const inComment = /(?<![\w./'`-])((?:\.\.\/)*[\w-]+(?:[./][\w-]+)*\.(?:ts|mjs))\b(?!')/g;
    expect([...'see log/wal.ts, and wal.ts.'.matchAll(inComment)].map(([, name]) => name)).toEqual(['log/wal.ts', 'wal.ts']);
    expect(gone(files, inComment)).toEqual([]);
  });
});

test("what changes Node's zstd for its process has one of its own", () => {
  const users = globSync('test/**/*.test.ts', { cwd: root }).filter((path) => /^import '.*\/remembered-zstd\.ts';$/m.test(readFileSync(join(root, path), 'utf8')));
  expect(users.length).toBeGreaterThan(5);
  expect(users.filter((path) => !ALONE.some((pattern) => matchesGlob(basename(path), `${pattern}.test.ts`)))).toEqual([]);
});
