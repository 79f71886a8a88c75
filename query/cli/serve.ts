import { systemClock } from '../../storage/runtime/clock.ts';
import { systemFetch } from '../../storage/runtime/fetch.ts';
import { systemRandom } from '../../storage/runtime/random.ts';
import { SELF_SCRAPE_SECONDS } from '../self-target.ts';
import { lockDataDir } from './data-lock.ts';
import { newLocalKey, removeLocalServer, writeLocalServer } from './local-key.ts';
import { SelfScrape } from './self-scrape.ts';
import { baseUrl, readSettings, type Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';
import { checkPortIsFree, startWorker } from './worker-process.ts';

function printWelcome({ host, port, dataDir }: Settings, isOpen: boolean): void {
  const base = baseUrl(host, port);
  const curlKey = isOpen ? '' : ` -H 'Authorization: Bearer KEY'`;
  console.log(`
Varve is ready. Data in ${dataDir}

  Query API    ${base}/api/v1/query      (also the URL of a Grafana data source of type Prometheus: ${base})
  Metrics      ${base}/metrics
  SQL          ${base}/iceberg                (Iceberg REST catalog of the archive: DuckDB, PyIceberg, ClickHouse, Spark)
  Health       ${base}/-/ready

Point a Prometheus at it (prometheus.yml):

remote_write:
  - url: ${base}/api/v1/write${isOpen ? '' : '\n    authorization:\n      credentials: KEY'}

Ask something (Varve scrapes itself every ${SELF_SCRAPE_SECONDS} s):

  curl -s${curlKey} '${base}/api/v1/query' --data-urlencode 'query=up'

${
  isOpen
    ? 'There are no keys: every program on this machine can read and write. "npm run keys -- create --scopes read,write" makes one,\nand from then on nobody is served without.'
    : 'Nobody is served without a key: "npm run keys -- create --scopes read,write" makes one, "npm run keys -- list" shows them.'
} Stop with Ctrl-C.
`);
}

/** Whether nobody needs a key, asked of the Worker itself. Where it says that it has none and may not be open, it would serve nobody: no way to start. */
async function checkOpen({ host }: Settings, url: string): Promise<boolean> {
  const answer = await systemFetch(`${url}/api/v1/status/buildinfo`);
  await answer.arrayBuffer();
  if (answer.status !== 503) return answer.ok;
  throw new UsageError(`HOST is ${host}, which others can reach, and there is no key; make one with "npm run keys -- create --scopes read,write" and start again`);
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env);
  const { host, port, dataDir } = settings;
  await checkPortIsFree(host, port);
  lockDataDir(dataDir);
  const server = { url: baseUrl(host, port), key: newLocalKey(systemRandom) };
  const miniflare = await startWorker({ ...settings, variables: { ...settings.variables, VARVE_LOCAL_KEY: server.key } });
  const scrape = new SelfScrape(server, systemFetch, systemClock);
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    scrape.stop();
    removeLocalServer(dataDir);
    await miniflare.dispose();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Miniflare's own handler would end the process before workerd is down.
    process.removeAllListeners(signal);
    process.on(signal, () => void stop());
  }
  const isOpen = await checkOpen(settings, server.url).catch(async (error: unknown) => {
    await miniflare.dispose();
    throw error;
  });
  writeLocalServer(dataDir, server);
  printWelcome(settings, isOpen);
  if (settings.selfScrape) await scrape.run(SELF_SCRAPE_SECONDS * 1000);
}

try {
  await serve();
} catch (error) {
  if (error instanceof UsageError) console.error(`varve: ${error.message}`);
  else console.error(error);
  process.exit(1);
}
