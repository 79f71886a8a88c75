import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/* A Prometheus of version 3: 3.5, which Debian has only in its unstable release, is taken out of its package, not installed; a newer one is named. */
const CACHE = process.env['VARVE_INTEROP_CACHE'] ?? join(import.meta.dirname, '../../.build/interop');
const FOLDER = join(CACHE, 'prometheus-3');
const BINARY = join(FOLDER, 'usr/bin/prometheus');
const RELEASE = 'sid';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Versions whose differences from 3.14 are known, each by name. */
const OF_3_5 = /^3\.5\.\d+/;
const SINCE_3_14 = /^3\.(?:1[4-9]|[2-9]\d)\./;
/** Has come late enough that a build that does not tell its version is taken for one since 3.14. */
const LATE_FLAGS = ['promql-binop-fill-modifiers', 'use-start-timestamps'];

export interface NewerPrometheus {
  readonly path: string;
  readonly version: string;
  /** The version that it is like, as far as PromQL goes. */
  readonly like: '3.5' | '3.14';
}

/** The one that `VARVE_PROMETHEUS_3` names, or the one that was fetched before, or a word on why there is none. */
export function findNewerPrometheus(): NewerPrometheus | { readonly missing: string } {
  const path = process.env['VARVE_PROMETHEUS_3'] ?? BINARY;
  if (!existsSync(path)) return { missing: 'a Prometheus 3.5 is not installed (--install gets it on Debian, or VARVE_PROMETHEUS_3 names one)' };
  const version = /version (\d\S*?)(?:\+\S*)? /.exec(outputOf(path, ['--version']))?.[1] ?? 'unknown';
  if (OF_3_5.test(version)) return { path, version, like: '3.5' };
  const help = version === 'unknown' ? outputOf(path, ['--help']) : '';
  if (SINCE_3_14.test(version) || LATE_FLAGS.every((flag) => help.includes(flag))) return { path, version, like: '3.14' };
  return { missing: `${path} is version ${version}, and only the differences of 3.5 and of those since 3.14 are known` };
}

/** Fetches it, with package lists of its own: the machine's stay as they are. Says why not where that cannot be. */
export function fetchNewerPrometheus(say: (line: string) => void): void {
  if (process.env['VARVE_PROMETHEUS_3'] !== undefined || existsSync(BINARY)) return;
  if (!existsSync('/etc/debian_version') || !existsSync(KEYRING)) {
    say('cannot fetch a newer prometheus: that takes Debian');
    return;
  }
  try {
    const options = privateLists();
    const run = (command: string, args: readonly string[]): void => void execFileSync(command, args, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] });
    run('apt-get', [...options, 'update']);
    run('apt-get', [...options, 'download', 'prometheus=3.5.*']);
    const file = readdirSync(FOLDER).find((name) => name.endsWith('.deb'));
    if (file !== undefined) run('dpkg-deb', ['--extract', file, FOLDER]);
  } catch (error) {
    say(`could not fetch a newer prometheus: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`);
  }
}

/** From the mirror that this machine uses for its own release. */
function privateLists(): string[] {
  const mirror = outputOf('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages', 'Origin: Debian']).split('\n').find((site) => !site.includes('security'));
  if (mirror === undefined || mirror === '') throw new Error('no mirror of Debian is configured');
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(FOLDER, folder), { recursive: true });
  const list = join(FOLDER, 'sources.list');
  writeFileSync(list, `deb [signed-by=${KEYRING}] ${mirror} ${RELEASE} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(FOLDER, 'lists'),
    'Dir::Cache': join(FOLDER, 'cache'),
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function outputOf(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
