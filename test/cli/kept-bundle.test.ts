import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bundle, keptBundle } from '../../query/cli/kept-bundle.ts';

/* A bundle of two files, and one that says how it is bundled. */
let root: string;
let builds: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-bundle-'));
  builds = 0;
  for (const name of ['a.ts', 'b.ts', 'how.json']) put(name, name);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const FILE = 'kept/worker.bundle';

/** As it was a minute ago. */
function put(name: string, text: string): void {
  writeFileSync(join(root, name), text);
  const seconds = Date.now() / 1000 - 60;
  utimesSync(join(root, name), seconds, seconds);
}

async function build(): Promise<Bundle> {
  builds++;
  const contents: Uint8Array<ArrayBuffer> = Uint8Array.from(Buffer.from(['a.ts', 'b.ts', 'how.json'].map((name) => readFileSync(join(root, name), 'utf8')).join()));
  return { modules: [{ type: 'ESModule', path: join(root, 'worker.js'), contents }], inputs: ['a.ts', 'b.ts'] };
}

/** What its first module has, and how often anything was bundled. */
async function bundled(always = ['how.json'], how = build): Promise<[text: string, builds: number]> {
  const [module] = await keptBundle(join(root, FILE), root, always, how);
  expect(module).toMatchObject({ type: 'ESModule', path: join(root, 'worker.js') });
  return [new TextDecoder().decode(module!.contents), builds];
}

test('is made once', async () => {
  for (let i = 0; i < 3; i++) expect(await bundled()).toEqual(['a.ts,b.ts,how.json', 1]);
  expect(readdirSync(join(root, 'kept'))).toEqual(['worker.bundle']);
});

test.each(['a.ts', 'b.ts', 'how.json'])('is made anew when %s has other bytes, however old it is', async (name) => {
  await bundled();
  put(name, 'x');
  expect(await bundled()).toEqual([['a.ts', 'b.ts', 'how.json'].join().replace(name, 'x'), 2]);
  expect((await bundled())[1]).toBe(2);
});

test('is made anew when a file is gone that it was made of', async () => {
  await bundled();
  rmSync(join(root, 'b.ts'));
  await expect(bundled()).rejects.toThrow('ENOENT');
});

test('is made anew when something else says how', async () => {
  await bundled();
  put('also.json', '');
  expect((await bundled(['how.json', 'also.json']))[1]).toBe(2);
  expect((await bundled(['how.json', 'also.json']))[1]).toBe(2);
});

test('is not kept when a file changes while it is made', async () => {
  const edited = async (): Promise<Bundle> => {
    const bundle = await build();
    writeFileSync(join(root, 'b.ts'), 'edited');
    return bundle;
  };
  expect(await bundled(['how.json'], edited)).toEqual(['a.ts,b.ts,how.json', 1]);
  expect(await bundled()).toEqual(['a.ts,edited,how.json', 2]);
});

test('is made anew when what keeps it is damaged, cut off, or of another root', async () => {
  await bundled();
  const file = join(root, FILE);
  const bytes = readFileSync(file);
  for (let at = 0; at < bytes.length; at += 7) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    writeFileSync(file, damaged);
    const before = builds;
    expect(await bundled(), `byte ${at}`).toEqual(['a.ts,b.ts,how.json', before + 1]);
  }
  for (const length of [0, 10, 32, bytes.length - 1]) {
    writeFileSync(file, bytes.subarray(0, length));
    const before = builds;
    expect(await bundled(), `${length} bytes`).toEqual(['a.ts,b.ts,how.json', before + 1]);
  }
  const elsewhere = `${root}/.`;
  const before = builds;
  await keptBundle(file, elsewhere, ['how.json'], build);
  expect(builds).toBe(before + 1);
});

test('is made each time where nothing can be written', async () => {
  writeFileSync(join(root, 'kept'), 'no folder');
  expect(await bundled()).toEqual(['a.ts,b.ts,how.json', 1]);
  expect(await bundled()).toEqual(['a.ts,b.ts,how.json', 2]);
});
