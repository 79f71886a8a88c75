import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findCommand } from '../processes/find-command.ts';

/** Debian package → the command of it that is needed. `promtool` comes with `prometheus`. */
const NEEDED = {
  prometheus: ['prometheus', 'promtool'],
  'prometheus-node-exporter': ['prometheus-node-exporter'],
  'victoria-metrics': ['vmagent'],
} as const;

export interface Tools {
  readonly prometheus: string;
  readonly promtool: string;
  readonly nodeExporter: string;
  /** Only a part of the senders' suite needs it. */
  readonly vmagent: string | undefined;
}

/** The commands, or which packages they would come from. */
export function findTools(): Tools | { readonly missing: readonly string[] } {
  const missing = missingPackages();
  const [prometheus, promtool, nodeExporter] = ['prometheus', 'promtool', 'prometheus-node-exporter'].map(findCommand);
  const vmagent = findCommand('vmagent');
  if (prometheus === undefined || promtool === undefined || nodeExporter === undefined) return { missing };
  return { prometheus, promtool, nodeExporter, vmagent };
}

/**
 * Installs what is missing; says why not where that cannot be. Debian starts the services of what it installs on their usual ports: they are
 * left as they are, the test has its own.
 */
export function installPackages(say: (line: string) => void): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    say(`cannot install ${missing.join(' ')}: that takes root on Debian or Ubuntu`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['update'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    say(`could not install ${missing.join(' ')}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function missingPackages(): string[] {
  return Object.entries(NEEDED)
    .filter(([, commands]) => commands.some((command) => findCommand(command) === undefined))
    .map(([name]) => name);
}
