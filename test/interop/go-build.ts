import { execFileSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand } from '../processes/find-command.ts';
import type { Sandbox } from '../processes/sandbox.ts';

const BUILD_MS_MAX = 900_000;

interface GoSource {
  readonly name: string;
  /** A folder with a go.mod. It is copied: a build leaves nothing behind. */
  readonly folder: string;
  /** `.`, or a package of a module that go.mod names. */
  readonly package: string;
  /** The variable that names one which is built already. */
  readonly variable: string;
}

/** A command built from source by Go's module proxy, or a word on why there is none. */
export function buildGo(sandbox: Sandbox, source: GoSource): { readonly path: string } | { readonly missing: string } {
  const built = process.env[source.variable];
  if (built !== undefined) return existsSync(built) ? { path: built } : { missing: `${source.variable} is ${built}, and nothing is there` };
  const go = findCommand('go');
  if (go === undefined) return { missing: 'no go to build it with' };
  const folder = sandbox.makeFolder(source.name);
  cpSync(source.folder, folder, { recursive: true });
  const path = join(folder, source.name);
  try {
    execFileSync(go, ['build', '-o', path, source.package], { cwd: folder, timeout: BUILD_MS_MAX, stdio: ['ignore', 'ignore', 'pipe'] });
    return { path };
  } catch (error) {
    return { missing: `go build failed: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}` };
  }
}
