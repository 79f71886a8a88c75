/** DuckDB: `read-duckdb.ts <folder with node_modules> <task> <extension file>…`. Without extensions it reads Parquet files that are fetched for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { difference, type CountAndSum, type ReaderAnswers, type ReaderTask } from './reader-answers.ts';

interface Connection {
  run(sql: string): Promise<unknown>;
  runAndReadAll(sql: string): Promise<{ getRowsJson(): (string | number)[][] }>;
}

interface DuckDb {
  readonly DuckDBInstance: { create(path: string, options: Readonly<Record<string, string>>): Promise<{ connect(): Promise<Connection> }> };
}

const [folder = '', taskText = '', ...extensions] = process.argv.slice(2);
const task = JSON.parse(taskText) as ReaderTask;
const { DuckDBInstance } = createRequire(join(folder, 'x.js'))('@duckdb/node-api') as DuckDb;
const instance = await DuckDBInstance.create(':memory:', { allow_unsigned_extensions: 'true' });
const duck = await instance.connect();

async function rows(sql: string): Promise<(string | number)[][]> {
  return (await duck.runAndReadAll(sql)).getRowsJson();
}

async function answersFrom(table: string): Promise<Pick<ReaderAnswers, 'byMetric' | 'selected'>> {
  const byMetric: Record<string, CountAndSum> = {};
  for (const [metric, count, sum] of await rows(`SELECT metric, count(*), sum(value) FROM ${table} GROUP BY metric`)) byMetric[String(metric)] = [Number(count), Number(sum)];
  const [selected] = await rows(
    `SELECT count(*), sum(value) FROM ${table} WHERE metric = '${task.metric}' AND labels['zone'] = '${task.zone}' AND timestamp >= TIMESTAMPTZ '${task.from}' AND timestamp < TIMESTAMPTZ '${task.to}'`,
  );
  return { byMetric, selected: [Number(selected![0]), Number(selected![1])] };
}

/** Through the catalog, with what the catalog vends; and the same files once more by their names. */
async function throughCatalog(): Promise<ReaderAnswers> {
  for (const extension of extensions) await duck.run(`LOAD '${extension}'`);
  await duck.run(`ATTACH '${task.tenant}' AS varve (TYPE iceberg, ENDPOINT '${task.baseUrl}/iceberg', TOKEN '${task.key}')`);
  const tables = (await rows(`SELECT table_name FROM information_schema.tables WHERE table_catalog = 'varve'`)).map(([name]) => String(name));
  const answers = await answersFrom('varve.metrics.samples');
  const write = await duck.run('CREATE TABLE varve.metrics.mine (a int)').then(
    () => 'accepted' as const,
    () => 'refused' as const,
  );
  const { host } = new URL(task.baseUrl);
  await duck.run(`CREATE SECRET (TYPE s3, KEY_ID '${task.accessKeyId}', SECRET '${task.secretAccessKey}', ENDPOINT '${host}/objects', URL_STYLE 'path', USE_SSL false, REGION 'auto')`);
  const byName = await answersFrom(`read_parquet('s3://${task.bucket}/${task.tenant}/archive/samples/data/**/*.parquet', hive_partitioning = false)`);
  const problem = difference(byName, answers);
  if (problem !== undefined) throw new Error(`the files read by their names: ${problem}`);
  return { ...answers, tables, write };
}

async function fetched(): Promise<ReaderAnswers> {
  const headers = { authorization: `Bearer ${task.key}` };
  const list = await (await fetch(`${task.baseUrl}/objects/${task.bucket}?list-type=2&prefix=${task.tenant}/archive/samples/data/`, { headers })).text();
  const copies = mkdtempSync(join(tmpdir(), 'varve-parquet-'));
  try {
    const keys = [...list.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key]) => key!);
    for (const [index, key] of keys.entries()) writeFileSync(join(copies, `${index}.parquet`), Buffer.from(await (await fetch(`${task.baseUrl}/objects/${task.bucket}/${key}`, { headers })).arrayBuffer()));
    return await answersFrom(`read_parquet('${copies}/*.parquet')`);
  } finally {
    rmSync(copies, { recursive: true });
  }
}

console.log(JSON.stringify(extensions.length === 0 ? await fetched() : await throughCatalog()));
