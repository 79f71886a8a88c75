import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig, type Variables } from '../../storage/runtime/config.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { OTLP_VARIABLES } from '../../storage/runtime/otlp-options.ts';
import { isLoopbackHost } from '../access/browser-checks.ts';
import { withCors } from '../cors.ts';
import { UsageError } from './usage-error.ts';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Variables of the Worker that are taken from the environment. */
const VARIABLES: readonly (keyof Variables)[] = [
  'VARVE_SHARDS',
  'VARVE_HOT_RETENTION',
  'VARVE_ARCHIVE',
  'VARVE_ARCHIVE_URI',
  'VARVE_TIERING',
  'VARVE_ARCHIVE_RETENTION',
  'VARVE_ARCHIVE_KEY_PREFIX',
  'VARVE_ARCHIVE_S3_ENDPOINT',
  'VARVE_ICEBERG_CATALOG_URI',
  'VARVE_ICEBERG_CATALOG_WAREHOUSE',
  'VARVE_ICEBERG_CATALOG_TOKEN',
  'VARVE_ICEBERG_CATALOG_NAMESPACE',
  'VARVE_CORS_ORIGIN',
  'VARVE_TENANT_LIMITS',
  'VARVE_HA_TRACKER',
  'VARVE_HA_CLUSTER_LABEL',
  'VARVE_HA_REPLICA_LABEL',
  'VARVE_ADMIN_KEY',
  'VARVE_ACCESS_TEAM_DOMAIN',
  'VARVE_ACCESS_AUD',
  'VARVE_ACCESS_SCOPES',
  'VARVE_ACCESS_TENANT',
  ...OTLP_VARIABLES,
];

/** What the environment says about running Varve on this machine. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly selfScrape: boolean;
  /** Port of workerd's inspector (Chrome DevTools protocol), for profiling. */
  readonly inspectorPort: number | undefined;
  readonly variables: Record<string, string>;
}

export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const port = readPort('PORT', environment['PORT'] ?? '8787');
  const host = environment['HOST'] ?? '127.0.0.1';
  const variables: Record<string, string> = {};
  for (const name of VARIABLES) {
    if (environment[name] !== undefined) variables[name] = environment[name];
  }
  if (isLoopbackAddress(host)) variables['VARVE_OPEN'] = 'loopback';
  try {
    // An origin pattern is compiled here for its errors alone.
    withCors(readConfig(variables).corsOrigin);
  } catch (error) {
    throw error instanceof VarveError ? new UsageError(error.message) : error;
  }
  return {
    host,
    port,
    dataDir: dataDirOf(environment),
    inspectorPort: environment['VARVE_INSPECTOR_PORT'] === undefined ? undefined : readPort('VARVE_INSPECTOR_PORT', environment['VARVE_INSPECTOR_PORT']),
    selfScrape: environment['VARVE_SELF_SCRAPE'] !== 'off',
    variables,
  };
}

function readPort(variable: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`${variable} is ${text}; it must be a number from 1 to 65535`);
  return port;
}

export function dataDirOf(environment: NodeJS.ProcessEnv): string {
  const { DATA_DIR = '' } = environment;
  // The empty path would be the directory that it happens to be started in.
  return DATA_DIR === '' ? join(ROOT, 'data') : resolve(DATA_DIR);
}

/** Where this machine reaches what listens on `host`: an address that stands for all of them is no address to call. */
export function baseUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Whether only this machine can reach what listens there. */
function isLoopbackAddress(host: string): boolean {
  return isLoopbackHost(host.includes(':') ? `[${host}]` : host);
}
