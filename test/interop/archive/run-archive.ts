import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import { http } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { varveCommand } from '../../processes/varve-command.ts';
import { ArchivedData } from './archived-data.ts';
import { difference, readAnswers, type ReaderAnswers, type ReaderTask } from './reader-answers.ts';
import { findReaders, type ReaderTools } from './reader-tools.ts';

export interface ArchiveTally {
  passed: number;
  failed: number;
  skipped: number;
}

const ADMIN_KEY = 'the-operator-of-this-run-0123456789abcdef';
const TENANTS = ['team-a', 'team-b'];
const BUCKET = 'varve-archive';
const READER_MS = 180_000;

interface Reader {
  readonly name: string;
  /** Why it cannot run. */
  readonly missing: string | undefined;
  readonly command: (task: ReaderTask) => readonly [command: string, ...args: string[]];
}

/**
 * Old samples are imported by two tenants into a Varve that has keys, and somebody else's readers find each tenant's Iceberg table through the
 * catalog and read it over S3, all with the tenant's key: their counts and sums must be PromQL's.
 */
export async function runArchive(sandbox: Sandbox, say: (line: string) => void): Promise<ArchiveTally> {
  const tally: ArchiveTally = { passed: 0, failed: 0, skipped: 0 };
  const readers = readersOf(findReaders());
  for (const { name, missing } of readers) {
    if (missing === undefined) continue;
    tally.skipped += TENANTS.length;
    say(`skipped ${name}: ${missing}`);
  }
  if (readers.every(({ missing }) => missing !== undefined)) return tally;
  const baseUrl = await startVarve(sandbox);
  for (const [index, tenant] of TENANTS.entries()) {
    const key = await makeKey(baseUrl, tenant);
    const data = new ArchivedData(baseUrl, key, Date.now(), index * 1000);
    await data.import();
    await data.published();
    const wanted = await data.answers();
    const task: ReaderTask = {
      baseUrl: baseUrl.origin, bucket: BUCKET, tenant, key, accessKeyId: key.split('_')[1]!, secretAccessKey: createHash('sha256').update(key).digest('hex'), operatorKey: ADMIN_KEY,
      metric: data.metric, zone: data.zone, from: data.selectedFrom.replace('Z', '+00:00'), to: data.selectedTo.replace('Z', '+00:00'),
    };
    for (const reader of readers) {
      if (reader.missing !== undefined) continue;
      const problem = await findProblem(reader, task, wanted);
      if (problem === undefined) {
        tally.passed++;
        continue;
      }
      tally.failed++;
      say(`FAILED ${reader.name} reading the archive of ${tenant}: ${problem}`);
    }
  }
  return tally;
}

function readersOf(tools: ReaderTools): readonly Reader[] {
  const here = (file: string): string => join(import.meta.dirname, file);
  const missing = (isThere: boolean): string | undefined => (isThere ? undefined : 'it is not installed (--install-readers gets it)');
  return [
    { name: 'DuckDB on Parquet files', missing: missing(tools.hasDuckDb), command: (task) => [process.execPath, here('read-duckdb.ts'), tools.nodeFolder, JSON.stringify(task)] },
    {
      name: 'DuckDB through the catalog',
      missing: missing(tools.hasDuckDb && tools.duckDbExtensions.length > 0),
      command: (task) => [process.execPath, here('read-duckdb.ts'), tools.nodeFolder, JSON.stringify(task), ...tools.duckDbExtensions],
    },
    { name: 'ClickHouse', missing: missing(tools.hasClickHouse), command: (task) => [process.execPath, here('read-clickhouse.ts'), tools.nodeFolder, JSON.stringify(task)] },
    { name: 'PyIceberg', missing: missing(tools.pyIceberg !== undefined), command: (task) => [tools.pyIceberg!, here('read-pyiceberg.py'), JSON.stringify(task)] },
    {
      name: 'Spark',
      missing: tools.spark === undefined ? 'it is not installed (--install-readers --spark gets it, where there are Java and Maven)' : undefined,
      command: (task) => [tools.spark!.python, here('read-spark.py'), JSON.stringify(task), ...tools.spark!.jars],
    },
  ];
}

async function startVarve(sandbox: Sandbox): Promise<URL> {
  const port = await freePort();
  const command = varveCommand(port, sandbox.makeFolder('varve'), join(sandbox.folder, 'varve.log'));
  await sandbox.start({ ...command, env: { ...command.env, VARVE_ADMIN_KEY: ADMIN_KEY } });
  return new URL(`http://127.0.0.1:${port}`);
}

async function makeKey(baseUrl: URL, tenant: string): Promise<string> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const { status, body } = await http({ method: 'POST', url: new URL('/api/v1/admin/keys', baseUrl), headers, body: JSON.stringify({ tenant, scopes: ['read', 'write'] }) });
  if (status !== 200) throw new Error(`no key: ${body.toString()}`);
  return (JSON.parse(body.toString()) as { data: { secret: string } }).data.secret;
}

async function findProblem({ command }: Reader, task: ReaderTask, wanted: ReaderAnswers): Promise<string | undefined> {
  try {
    const got = readAnswers(await outputOf(command(task)));
    if (got.tables !== undefined && !got.tables.includes('samples')) return `it lists the tables ${got.tables.join(', ')}`;
    if (got.write === 'accepted') return 'it could write';
    const [all, ofRange, ofNoMetric] = got.files ?? [2, 1, 0];
    if (!(ofRange >= 1 && ofRange < all) || ofNoMetric !== 0) return `it planned ${all} files, ${ofRange} for one of several days, ${ofNoMetric} for a metric that no file has`;
    return difference(got, wanted);
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

function outputOf([command, ...args]: readonly [string, ...string[]]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: READER_MS, killSignal: 'SIGKILL' });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.once('error', reject);
    child.once('close', (code, signal) => (code === 0 ? resolve(output) : reject(new Error(`it ended with ${signal ?? code}: ${errors.trim().slice(-1500)}`))));
  });
}
