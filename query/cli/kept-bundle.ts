import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { systemClock } from '../../storage/runtime/clock.ts';

export interface WorkerModule {
  readonly type: 'ESModule' | 'CompiledWasm';
  /** Absolute. */
  readonly path: string;
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** What a bundler made, and of which files: paths below the root. */
export interface Bundle {
  readonly modules: readonly WorkerModule[];
  readonly inputs: readonly string[];
}

interface Kept {
  readonly root: string;
  /** Files that it was made of, and the digest of each. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly modules: readonly WorkerModule[];
}

/**
 * A bundle that a file keeps for as long as every file that it was made of has the bytes that it had: reading these takes a tenth of the time
 * that bundling takes. `alwaysInputs` are files that no bundler names and that say how it bundles. `build` runs where there is no such file, or
 * it is of something else or damaged; one that cannot be written is not needed.
 */
export async function keptBundle(file: string, root: string, alwaysInputs: readonly string[], build: () => Promise<Bundle>): Promise<readonly WorkerModule[]> {
  const kept = read(file);
  if (kept !== undefined && kept.root === root && alwaysInputs.every((input) => kept.inputs.has(input)) && [...kept.inputs].every(([input, digest]) => digestOf(root, input) === digest)) return kept.modules;
  const startMs = systemClock.nowMs();
  const { modules, inputs } = await build();
  const digests = new Map([...alwaysInputs, ...inputs].map((input) => [input, digestOf(root, input) ?? '']));
  // What has changed meanwhile may be in the bundle or not.
  if ([...digests.keys()].every((input) => changedMs(root, input) < startMs - CHANGED_WITHIN_MS)) write(file, { root, inputs: digests, modules });
  return modules;
}

/** By so much may the clock of a file system be behind. */
const CHANGED_WITHIN_MS = 20;

function changedMs(root: string, input: string): number {
  return statSync(join(root, input), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
}

/** `undefined` where there is no such file any more. */
function digestOf(root: string, input: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(join(root, input))).digest('base64');
  } catch {
    return undefined;
  }
}

/** The digest of all that stands behind it in the file comes first. */
const DIGEST_BYTES = 32;
const digestOfBytes = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

function read(file: string): Kept | undefined {
  try {
    const bytes = readFileSync(file);
    const content = bytes.subarray(DIGEST_BYTES);
    return digestOfBytes(content).equals(bytes.subarray(0, DIGEST_BYTES)) ? (deserialize(content) as Kept) : undefined;
  } catch {
    return undefined;
  }
}

function write(file: string, kept: Kept): void {
  const ours = `${file}.${process.pid}`;
  try {
    const content = serialize(kept);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(ours, Buffer.concat([digestOfBytes(content), content]));
    // Whole or not at all, whoever reads it meanwhile: two starts at once must not mix their files.
    renameSync(ours, file);
  } catch {
    remove(ours);
  }
}

/** What was begun, if anything was. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Where nothing can be written there is nothing.
  }
}
