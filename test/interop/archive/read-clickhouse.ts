/** ClickHouse in this process: `read-clickhouse.ts <folder with node_modules> <task>`. The table through S3 alone, and through the catalog. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { difference, type CountAndSum, type ReaderAnswers, type ReaderTask } from './reader-answers.ts';

interface Session {
  query(sql: string, format: string): string;
}

const [folder = '', taskText = ''] = process.argv.slice(2);
const task = JSON.parse(taskText) as ReaderTask;
const { Session } = createRequire(join(folder, 'x.js'))('chdb') as { readonly Session: new () => Session };
const session = new Session();

function rows(sql: string): (string | number)[][] {
  return session.query(sql, 'JSONCompactEachRow').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as (string | number)[]);
}

function answersFrom(table: string): Pick<ReaderAnswers, 'byMetric' | 'selected'> {
  const byMetric: Record<string, CountAndSum> = {};
  for (const [metric, count, sum] of rows(`SELECT metric, count(), sum(value) FROM ${table} GROUP BY metric ORDER BY metric`)) byMetric[String(metric)] = [Number(count), Number(sum)];
  const time = (iso: string): string => `parseDateTime64BestEffort('${iso}', 6, 'UTC')`;
  const [selected] = rows(
    `SELECT count(), sum(value) FROM ${table} WHERE metric = '${task.metric}' AND labels['zone'] = '${task.zone}' AND timestamp >= ${time(task.from)} AND timestamp < ${time(task.to)}`,
  );
  return { byMetric, selected: [Number(selected![0]), Number(selected![1])] };
}

const { baseUrl, bucket, tenant, accessKeyId, secretAccessKey } = task;
const direct = answersFrom(`icebergS3('${baseUrl}/objects/${bucket}/${tenant}/archive/samples/', '${accessKeyId}', '${secretAccessKey}')`);
session.query('SET allow_experimental_database_iceberg = 1', 'Null');
session.query(
  `CREATE DATABASE varve ENGINE = DataLakeCatalog('${baseUrl}/iceberg/v1') SETTINGS catalog_type = 'rest', warehouse = '${tenant}', auth_header = 'Authorization: Bearer ${task.key}', ` +
    `vended_credentials = false, storage_endpoint = '${baseUrl}/objects', aws_access_key_id = '${accessKeyId}', aws_secret_access_key = '${secretAccessKey}'`,
  'Null',
);
const tables = rows('SHOW TABLES FROM varve').map(([name]) => String(name).replace(/^metrics\./, ''));
const answers = answersFrom('varve.`metrics.samples`');
const problem = difference(direct, answers);
if (problem !== undefined) throw new Error(`the table read through S3 alone: ${problem}`);
console.log(JSON.stringify({ ...answers, tables }));
process.exit(0);
