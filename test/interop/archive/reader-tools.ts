import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findCommand } from '../../processes/find-command.ts';

/*
 * Readers of Iceberg tables that are not ours. They are large, and no part of Varve: `--install-readers` gets them from their registries into a folder
 * that later runs find again.
 */
const CACHE = process.env['VARVE_INTEROP_CACHE'] ?? join(import.meta.dirname, '../../../.build/interop');
const NPM_PACKAGES = ['@duckdb/node-api@1.5.5-r.5', 'chdb@3.4.0'];
/** DuckDB's extensions are built for one version of it. */
const DUCKDB_VERSION = '1.5.5';
const DUCKDB_EXTENSIONS = ['httpfs', 'avro', 'iceberg'];
const PYTHON_PACKAGES = ['pyiceberg[pyarrow]==0.12.0', ...DUCKDB_EXTENSIONS.map((name) => `duckdb-extension-${name}==${DUCKDB_VERSION}`)];
/** Spark is half a gigabyte more: only where it is asked for. */
const SPARK_PACKAGES = ['pyspark==4.0.1'];
const SPARK_JARS = ['iceberg-spark-runtime-4.0_2.13', 'iceberg-aws-bundle'];
const ICEBERG_JAVA_VERSION = '1.10.0';

export interface ReaderTools {
  /** Folder whose `node_modules` has DuckDB and ClickHouse. */
  readonly nodeFolder: string;
  readonly hasDuckDb: boolean;
  readonly hasClickHouse: boolean;
  /** Files of DuckDB's extensions, in the order in which they must be loaded; empty where they are not all there. */
  readonly duckDbExtensions: readonly string[];
  /** A Python that has PyIceberg. */
  readonly pyIceberg: string | undefined;
  readonly spark: { readonly python: string; readonly jars: readonly string[] } | undefined;
}

const python = join(CACHE, 'python/bin/python');

export function findReaders(): ReaderTools {
  const extensions = DUCKDB_EXTENSIONS.map(extensionFile).filter((file) => file !== undefined);
  const jars = SPARK_JARS.map((name) => join(homedir(), '.m2/repository/org/apache/iceberg', name, ICEBERG_JAVA_VERSION, `${name}-${ICEBERG_JAVA_VERSION}.jar`));
  const hasModule = (name: string): boolean => spawnSync(python, ['-c', `import ${name}`]).status === 0;
  return {
    nodeFolder: CACHE,
    hasDuckDb: existsSync(join(CACHE, 'node_modules/@duckdb/node-api')),
    hasClickHouse: existsSync(join(CACHE, 'node_modules/chdb')),
    duckDbExtensions: extensions.length === DUCKDB_EXTENSIONS.length ? extensions : [],
    pyIceberg: hasModule('pyiceberg.catalog, pyarrow') ? python : undefined,
    spark: jars.every((jar) => existsSync(jar)) && findCommand('java') !== undefined && hasModule('pyspark') ? { python, jars } : undefined,
  };
}

function extensionFile(name: string): string | undefined {
  const library = join(CACHE, 'python/lib');
  const versions = existsSync(library) ? readdirSync(library) : [];
  const files = versions.map((version) => join(library, version, `site-packages/duckdb_extension_${name}/extensions/v${DUCKDB_VERSION}/${name}.duckdb_extension`));
  return files.find((file) => existsSync(file));
}

/** Installs what is missing, each for itself; says why not where that cannot be. */
export function installReaders(say: (line: string) => void, wantsSpark: boolean): void {
  mkdirSync(CACHE, { recursive: true });
  const tools = findReaders();
  const tried = (what: string, isThere: boolean, body: () => void): void => {
    if (isThere) return;
    say(`installing ${what}`);
    try {
      body();
    } catch (error) {
      say(`could not install ${what}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  };
  const run = (command: string, args: readonly string[]): void => void execFileSync(command, args, { cwd: CACHE, stdio: ['ignore', 'ignore', 'inherit'] });
  const pip = (packages: readonly string[]): void => {
    if (!existsSync(python)) run('python3', ['-m', 'venv', join(CACHE, 'python')]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  };
  tried('DuckDB and ClickHouse', tools.hasDuckDb && tools.hasClickHouse, () => run('npm', ['install', '--prefix', CACHE, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', ...NPM_PACKAGES]));
  tried('PyIceberg and DuckDB’s extensions', tools.pyIceberg !== undefined && tools.duckDbExtensions.length > 0, () => pip(PYTHON_PACKAGES));
  if (!wantsSpark) return;
  tried('Spark', tools.spark !== undefined, () => {
    pip(SPARK_PACKAGES);
    for (const name of SPARK_JARS) run('mvn', ['-q', 'dependency:get', `-Dartifact=org.apache.iceberg:${name}:${ICEBERG_JAVA_VERSION}`, '-Dtransitive=false']);
  });
}
