import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { systemFetch } from '../../storage/runtime/fetch.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { systemRandom } from '../../storage/runtime/random.ts';
import { DataInUseError, lockDataDir } from './data-lock.ts';
import { isDataFolder } from './inspect/local-data.ts';
import { table } from './inspect/text.ts';
import { KeysClient, type ShownKey } from './keys-client.ts';
import { newLocalKey, readLocalServer } from './local-key.ts';
import { baseUrl, dataDirOf, readSettings } from './settings.ts';
import { UsageError } from './usage-error.ts';
import { checkPortIsFree, startWorker } from './worker-process.ts';

const USAGE = `usage: npm run keys -- COMMAND [OPTIONS]

  create --scopes read,write   makes a key and shows it, this once. Scopes: read, write, admin
         --tenant NAME         of this tenant (default: default); --all-tenants for operators
         --match '{team="a"}'  a read key that sees only series that match, on every endpoint
         --description TEXT    where it is used
         --expires 90d
  list                         all keys, without their secrets
  revoke ID                    a key is refused everywhere ${LIMITS.keyCacheMs / 1000} s later at most

Of the Varve on this machine (DATA_DIR), running or not; with --url URL of another one, and a key with the scope admin in the
environment as VARVE_ADMIN_KEY.`;

const OPTIONS = {
  scopes: { type: 'string' },
  tenant: { type: 'string' },
  'all-tenants': { type: 'boolean' },
  match: { type: 'string' },
  description: { type: 'string' },
  expires: { type: 'string' },
  url: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true; strict: true }>>['values'];

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  const [command, ...operands] = positionals;
  if (values.help === true || command === undefined) {
    console.log(USAGE);
    return;
  }
  const run = commandOf(command, operands, values);
  await withServer(values.url, run, command === 'create');
}

function readArguments(): { values: Options; positionals: string[] } {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split('\n')[0] : String(error)} (npm run keys -- --help)`);
  }
}

type Command = (client: KeysClient, isRunning: boolean) => Promise<void>;

function commandOf(command: string, operands: readonly string[], options: Options): Command {
  const [id] = operands;
  if (command === 'create' && operands.length === 0) {
    if (options.scopes === undefined) throw new UsageError('say what the key may do: --scopes read,write');
    return (client, isRunning) => create(client, options, isRunning);
  }
  if (command === 'list' && operands.length === 0) return list;
  if (command === 'revoke' && operands.length === 1) return (client) => revoke(client, id!);
  throw new UsageError(`there is no such command: ${[command, ...operands].join(' ')} (npm run keys -- --help)`);
}

/**
 * Runs a command against the Varve that is meant. Keys belong to one object, so they are always changed through the Worker: the one that
 * runs on the data of this machine, or, where none holds the lock, one that is started on a free port of loopback for the purpose.
 * `mayMakeData`: the first key may come before the first start; but a directory that is mistyped has no keys to list or revoke.
 */
async function withServer(url: string | undefined, command: Command, mayMakeData: boolean): Promise<void> {
  if (url !== undefined) {
    const key = process.env['VARVE_ADMIN_KEY'];
    if (key === undefined) throw new UsageError('with --url, put a key with the scope admin into the environment as VARVE_ADMIN_KEY');
    return command(new KeysClient({ url, key }, systemFetch), true);
  }
  const dataDir = dataDirOf(process.env);
  if (!mayMakeData && !isDataFolder(dataDir)) throw new UsageError(`there is no data in ${dataDir}; set DATA_DIR to that of the Varve that is meant`);
  try {
    lockDataDir(dataDir);
  } catch (error) {
    const server = error instanceof DataInUseError ? readLocalServer(dataDir) : undefined;
    if (server === undefined) throw error;
    return command(new KeysClient(server, systemFetch), true);
  }
  const host = '127.0.0.1';
  const port = await checkPortIsFree(host, 0);
  const key = newLocalKey(systemRandom);
  const settings = readSettings({ ...process.env, HOST: host, PORT: String(port) });
  const miniflare = await startWorker({ ...settings, variables: { ...settings.variables, VARVE_LOCAL_KEY: key } });
  try {
    await command(new KeysClient({ url: baseUrl(host, port), key }, systemFetch), false);
  } finally {
    await miniflare.dispose();
  }
}

async function create(client: KeysClient, options: Options, isRunning: boolean): Promise<void> {
  const made = await client.create({
    scopes: options.scopes!.split(',').map((scope) => scope.trim()),
    ...(options['all-tenants'] === true ? { all_tenants: true } : {}),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    ...(options.match === undefined ? {} : { match: options.match }),
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(options.expires === undefined ? {} : { expires_in: options.expires }),
  });
  console.log(`Key ${made.id} of ${tenantOf(made)}: ${made.scopes.join(', ')}${made.match === undefined ? '' : `, only ${made.match}`}

  ${made.secret}

It is shown this once. Send it as "Authorization: Bearer KEY", or as the password of Basic authentication. In prometheus.yml, under
remote_write or remote_read:

    authorization:
      credentials: ${made.secret}
${s3Credentials(made)}${isRunning ? '' : '\nFrom its next start on, this Varve serves nobody without a key.\n'}`);
}

/** What readers of the archive sign with; none for keys that may not read all of it. */
function s3Credentials({ id, secret, scopes, match }: ShownKey & { readonly secret: string }): string {
  if (!scopes.includes('read') || match !== undefined) return '';
  return `
As S3 credentials, for readers of the archive:

    access key id      ${id}
    secret access key  ${createHash('sha256').update(secret).digest('hex')}
`;
}

async function list(client: KeysClient): Promise<void> {
  const keys = await client.list();
  if (keys.length === 0) console.log('There are no keys.');
  const rows = keys.map((key) => [key.id, tenantOf(key), key.scopes.join(','), stateOf(key), key.last_used?.slice(0, 13).replace('T', ' ').concat('h') ?? 'never', [key.match, key.description].filter(Boolean).join(' ')]);
  if (rows.length > 0) console.log(table(['ID', 'TENANT', 'SCOPES', 'STATE', 'LAST USED', 'SEES, DESCRIPTION'], rows, '').join('\n'));
}

async function revoke(client: KeysClient, id: string): Promise<void> {
  await client.revoke(id);
  console.log(`Key ${id} is revoked. Workers that have seen it refuse it ${LIMITS.keyCacheMs / 1000} s from now at the latest.`);
}

function tenantOf({ tenant }: ShownKey): string {
  return tenant ?? 'all tenants';
}

function stateOf({ revoked, expires }: ShownKey): string {
  if (revoked !== undefined) return `revoked ${revoked.slice(0, 10)}`;
  return expires === undefined ? 'valid' : `until ${expires.slice(0, 10)}`;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  if (error instanceof UsageError) console.error(`varve: ${error.message}`);
  else console.error(error);
  process.exit(1);
}
