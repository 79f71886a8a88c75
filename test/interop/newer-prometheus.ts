import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/* A Prometheus of version 3, which Debian has only in its unstable release: taken out of its package, not installed. */
const CACHE = process.env['VARVE_INTEROP_CACHE'] ?? join(import.meta.dirname, '../../.build/interop');
const FOLDER = join(CACHE, 'prometheus-3');
const BINARY = join(FOLDER, 'usr/bin/prometheus');
const RELEASE = 'sid';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** The version whose differences from 3.14 are known, each by name. */
const KNOWN = /^3\.5\.\d+/;

export interface NewerPrometheus {
  readonly path: string;
  readonly version: string;
}

/** The one that `VARVE_PROMETHEUS_3` names, or the one that was fetched before, or a word on why there is none. */
export function findNewerPrometheus(): NewerPrometheus | { readonly missing: string } {
  const path = process.env['VARVE_PROMETHEUS_3'] ?? BINARY;
  if (!existsSync(path)) return { missing: 'a Prometheus 3.5 is not installed (--install gets it on Debian, or VARVE_PROMETHEUS_3 names one)' };
  const version = /version (\S+?)(?:\+\S*)? /.exec(outputOf(path, ['--version']))?.[1] ?? 'unknown';
  return KNOWN.test(version) ? { path, version } : { missing: `${path} is version ${version}, and only the differences of 3.5 are known` };
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
