import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../storage/runtime/errors.ts';
import { describeBytes, isSqlite } from './inspect/describe-bytes.ts';
import { describeDatabase } from './inspect/describe-database.ts';
import { isDataFolder, localDatabases, localObjects, openReadOnly, readLocalObject } from './inspect/local-data.ts';
import type { InspectOptions } from './inspect/options.ts';
import { count, counted, table, timeText } from './inspect/text.ts';
import { dataDirOf } from './settings.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `usage: npm run inspect -- [OPTIONS] [FILE | KEY | FOLDER]…

  FILE         a Parquet file, an Iceberg metadata file, manifest list or manifest, a segment row, or the SQLite database of a shard or catalog
  KEY          an object of the R2 bucket of the Varve on this machine (DATA_DIR), with or without s3://BUCKET/ in front; or what keys begin with
  FOLDER       a data folder: its databases and objects; without anything, that of DATA_DIR

  --segment N  of a shard's database: prints this segment row
  --pages      every page of a Parquet file, every frame of a segment, the column statistics of a manifest
  --series N   lists so many series of a file, or files of a manifest (10)

What is printed are the words of storage/archive/FORMAT.md and storage/shard/FORMAT.md. Everything is only read, while Varve runs or not.`;

interface Arguments extends InspectOptions {
  readonly segment: number | undefined;
  readonly targets: readonly string[];
}

function readArguments(): Arguments | undefined {
  let parsed;
  try {
    parsed = parseArgs({
      options: { segment: { type: 'string' }, pages: { type: 'boolean', default: false }, series: { type: 'string', default: '10' }, help: { type: 'boolean', short: 'h', default: false } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split('\n')[0] : String(error)} (npm run inspect -- --help)`);
  }
  const { values, positionals } = parsed;
  if (values.help) return undefined;
  return { pages: values.pages, series: numberOf('series', values.series), segment: values.segment === undefined ? undefined : numberOf('segment', values.segment), targets: positionals };
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${option} takes a whole number, not ${text}`);
  return Number(text);
}

function* inspect(target: string, { segment, ...options }: Arguments): Generator<string> {
  if (!existsSync(target)) {
    yield* describeKey(target, options);
    return;
  }
  if (statSync(target).isDirectory()) {
    if (!isDataFolder(target)) throw new UsageError(`${target} is no data folder: there is neither do/ nor r2/ in it`);
    yield* describeFolder(target);
    return;
  }
  if (!isSqlite(headOf(target))) {
    yield* describeBytes(readFileSync(target), target, options);
    return;
  }
  const database = openReadOnly(target);
  try {
    yield* describeDatabase(database, target, segment, options);
  } finally {
    database.close();
  }
}

/** A database may be larger than what fits into memory. */
function headOf(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const head = new Uint8Array(16);
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

function* describeKey(name: string, options: InspectOptions): Generator<string> {
  // Iceberg metadata names objects with the bucket in front.
  const key = name.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]+\//, '');
  const folder = dataDirOf(process.env);
  const objects = localObjects(folder, key);
  const whole = objects.find((object) => object.key === key);
  if (whole !== undefined) yield* describeBytes(readLocalObject(whole), key, options);
  else if (objects.length > 0) yield* objectTable(objects);
  else throw new UsageError(`${key} is no file, and no key in ${folder} begins with it`);
}

function* describeFolder(folder: string): Generator<string> {
  const databases = localDatabases(folder);
  yield counted(databases.length, 'database');
  yield* table(['class', 'bytes', 'file'], databases.map(({ className, bytes, path }) => [className, count(bytes), relative(folder, path)]), '  ');
  yield '';
  yield* objectTable(localObjects(folder));
}

function* objectTable(objects: ReturnType<typeof localObjects>): Generator<string> {
  yield `${counted(objects.length, 'object')}, ${counted(objects.reduce((sum, { bytes }) => sum + bytes, 0), 'byte')}`;
  yield* table(['bytes', 'written', 'key'], objects.map(({ key, bytes, uploadedMs }) => [count(bytes), timeText(uploadedMs), key]), '  ');
}

try {
  const options = readArguments();
  if (options === undefined) console.log(USAGE);
  else {
    const targets = options.targets.length === 0 ? [dataDirOf(process.env)] : options.targets;
    if (options.targets.length === 0 && !existsSync(targets[0]!)) throw new UsageError(`there is no data in ${targets[0]}; set DATA_DIR, or name a file`);
    for (const target of targets) {
      if (targets.length > 1) console.log(`── ${target}`);
      console.log([...inspect(target, options)].join('\n'));
    }
  }
} catch (error) {
  // What is damaged is said in a line, as a mistake of the user's is.
  console.error(`varve: ${messageOf(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
