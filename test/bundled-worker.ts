import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'vitest/config';
import { unpackSnappy } from '../query/cli/unpack-snappy.mjs';
import { BUNDLED_AS } from '../query/cli/worker-process.ts';

/** Seen from the Worker's entry, of whichever module it is imported. */
const SNAPPY = './.build/snappy.wasm';

interface Bundled {
  readonly code: string;
  /** A source map. */
  readonly map: string;
}

/** Vite takes it for none. */
const NO_MAP = '{"version":3,"sources":[],"names":[],"mappings":""}';

/** The same for all projects. */
let bundled: Promise<Bundled> | undefined;

/**
 * The Worker for tests in workerd is one module, as it is where it is deployed and where `npm start` runs it. Otherwise Vite transforms its hundreds
 * of modules for each project, workerd asks for them one by one for each file, and each use of what another module has is a call of a getter. Modules
 * that tests import beside it are others than those in it.
 *
 * Lines in stacks are those of the bundle: its source map takes as long as all the rest. SOURCE_MAPS=1 is for who looks for a fault.
 */
export function bundledWorker(root: string): Plugin {
  const entry = join(root, 'worker.ts');
  return { name: 'bundled-worker', enforce: 'pre', load: (id) => (id === entry ? (bundled ??= bundle(root, entry)) : undefined) };
}

async function bundle(root: string, entry: string): Promise<Bundled> {
  unpackSnappy();
  const isMapped = process.env['SOURCE_MAPS'] === '1';
  const { outputFiles } = await build({
    ...BUNDLED_AS,
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: root,
    write: false,
    sourcemap: isMapped && 'external',
    plugins: [{ name: 'snappy', setup: ({ onResolve }) => onResolve({ filter: /\/snappy\.wasm$/ }, () => ({ path: SNAPPY, external: true })) }],
  });
  const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))!.text;
  return { code: textOf('.js'), map: isMapped ? textOf('.map') : NO_MAP };
}
