import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand } from '../processes/find-command.ts';
import { freePort } from '../processes/free-port.ts';
import type { Sandbox } from '../processes/sandbox.ts';
import type { ServerCommand, ServerProcess } from '../processes/server-process.ts';
import { VARVE_VERSION, varveCommand } from '../processes/varve-command.ts';

export const PEER_NAMES = ['varve', 'prometheus', 'victoria-metrics'] as const;
export type PeerName = (typeof PEER_NAMES)[number];

/** A running server that speaks remote write and the Prometheus HTTP API. */
export interface RunningPeer {
  readonly process: ServerProcess;
  readonly baseUrl: URL;
  readonly dataFolder: string;
}

export interface Peer {
  readonly name: PeerName;
  readonly version: string;
  /** Each call starts with an empty data folder, on a loopback port of its own. */
  start(sandbox: Sandbox): Promise<RunningPeer>;
}

type CommandFor = (port: number, dataFolder: string, logFile: string) => ServerCommand;

/** Those of the asked peers that can be started here, and a plain word on each of the others. */
export function findPeers(names: readonly PeerName[]): { peers: Peer[]; missing: string[] } {
  const peers: Peer[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const found = findPeer(name);
    if (found === undefined) missing.push(`${name} is not installed: skipped (Debian and Ubuntu have it as the package ${name})`);
    else peers.push(found);
  }
  return { peers, missing };
}

function findPeer(name: PeerName): Peer | undefined {
  if (name === 'varve') return peer(name, VARVE_VERSION, varveCommand);
  const path = findCommand(name);
  if (path === undefined) return undefined;
  switch (name) {
    case 'prometheus':
      return peer(name, installedVersion(path, name), (...place) => prometheusCommand(path, ...place));
    case 'victoria-metrics':
      return peer(name, installedVersion(path, name), (...place) => victoriaMetricsCommand(path, ...place));
  }
}

function peer(name: PeerName, version: string, commandFor: CommandFor): Peer {
  return {
    name,
    version,
    async start(sandbox) {
      const port = await freePort();
      const dataFolder = sandbox.makeFolder(`${name}-${port}`);
      const process = await sandbox.start(commandFor(port, dataFolder, join(sandbox.folder, `${name}-${port}.log`)));
      return { process, baseUrl: new URL(`http://127.0.0.1:${port}`), dataFolder };
    },
  };
}

/** The admin API is for snapshots, by which `size` learns what Prometheus' blocks take. */
export function prometheusCommand(path: string, port: number, dataFolder: string, logFile: string, config: object = { global: {} }): ServerCommand {
  const configFile = `${logFile}.yml`;
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(config, null, 2));
  return {
    name: 'prometheus',
    command: path,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${dataFolder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      '--web.enable-admin-api',
      '--log.level=warn',
    ],
    folder: dataFolder,
    logFile,
    readyUrl: new URL(`http://127.0.0.1:${port}/-/ready`),
  };
}

/** Response caching is off because a repeated query would otherwise measure the cache; the latency offset hides the newest 30 s from queries. */
function victoriaMetricsCommand(path: string, port: number, dataFolder: string, logFile: string): ServerCommand {
  return {
    name: 'victoria-metrics',
    command: path,
    args: [
      `-storageDataPath=${dataFolder}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-search.disableCache',
      '-search.latencyOffset=0s',
      '-loggerLevel=WARN',
    ],
    folder: dataFolder,
    logFile,
    readyUrl: new URL(`http://127.0.0.1:${port}/health`),
  };
}

/** Both print their version in a sentence of their own; the first thing that looks like one is taken, else Debian's word for it. */
function installedVersion(path: string, debianPackage: string): string {
  const looksLikeVersion = /\d+\.\d+\.\d+/;
  const printed = looksLikeVersion.exec(outputOf(path, ['--version']))?.[0];
  return printed ?? looksLikeVersion.exec(outputOf('dpkg-query', ['-W', '-f', '${Version}', debianPackage]))?.[0] ?? 'unknown version';
}

function outputOf(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
