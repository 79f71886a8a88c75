import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import type { DataFile } from '../../../storage/catalog/iceberg/data-file.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import worker, { Catalog as RealCatalog, Shard as RealShard, type Env } from '../../../worker.ts';
import { DAY_MS, fleetFile, SERIES_PER_FILE } from './fleet-days.ts';

/*
 * The Worker that `bench -- tiers` measures: the real one, and beside it three paths of the bench. `/bench/clock` moves the time of the isolate,
 * objects included, so that a window is over when the bench says so; `/bench/load` writes files with the archive's own writer and commits them;
 * `/bench/rollups` counts the days that each table of roll-ups has; `/bench/rest` says whether the catalog has nothing to do.
 */
const systemNow = Date.now;
let offsetMs = 0;
Date.now = () => systemNow() + offsetMs;

export { Keyring } from '../../../worker.ts';

/** The state of an object whose alarms ring by the bench's clock. */
function shifted(state: DurableObjectState): DurableObjectState {
  const { storage } = state;
  const own: Partial<DurableObjectStorage> = {
    setAlarm: (time) => storage.setAlarm(Number(time) - offsetMs),
    getAlarm: async () => {
      const time = await storage.getAlarm();
      return time === null ? null : time + offsetMs;
    },
  };
  const get = (_: object, name: keyof DurableObjectStorage): unknown => {
    const value: unknown = own[name] ?? storage[name];
    return typeof value === 'function' ? (value as () => unknown).bind(storage) : value;
  };
  Object.defineProperty(state, 'storage', { value: new Proxy({}, { get: get as ProxyHandler<object>['get'] & object }) });
  return state;
}

export class Shard extends RealShard {
  constructor(state: DurableObjectState, env: Env) {
    super(shifted(state), env);
  }

  /** The clock has moved: an alarm that was set by the old one would come too late. */
  async clockMoved(): Promise<void> {
    await this.alarm();
  }
}

export class Catalog extends RealCatalog {
  constructor(state: DurableObjectState, env: Env) {
    super(shifted(state), env);
  }

  async clockMoved(): Promise<void> {
    await this.alarm();
  }
}

/** Of the bench's own commits: rises, whatever shards commit. */
let sequence = 1_000_000;

async function load(env: Env, day: number, first: number, end: number): Promise<number> {
  const files: DataFile[] = [];
  let bytes = 0;
  for (let from = first; from < end; from += SERIES_PER_FILE) {
    const file = fleetFile(day, from, Math.min(end, from + SERIES_PER_FILE));
    const key = `default/archive/samples/data/bench/${day}-${String(from).padStart(8, '0')}.parquet`;
    await env.ARCHIVE.put(key, file.bytes);
    const { tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns } = file;
    files.push({ table: 'samples', key, sizeBytes: file.bytes.length, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns });
    bytes += file.bytes.length;
  }
  // A day is rolled up when the first window of the next one is archived too.
  const archivedUntilMs = (day + 1) * DAY_MS + LIMITS.archiveWindowMs;
  await catalogOf(env).archiveCommit({ version: CATALOG_RPC_VERSION, shard: '1/0', sequence: sequence++, files, archivedUntilMs });
  return bytes;
}

function catalogOf(env: Env): Catalog {
  return env.CATALOG.get(env.CATALOG.idFromName('default/catalog')) as unknown as Catalog;
}

/** By table, how many days of a range have roll-ups. */
async function rolledUpDays(env: Env, firstDay: number, lastDay: number): Promise<Record<string, number>> {
  const { days } = await catalogOf(env).rollupDays({ version: CATALOG_RPC_VERSION, firstDay, lastDay });
  const counts: Record<string, number> = {};
  for (const span of days) counts[span.table] = (counts[span.table] ?? 0) + span.lastDay - span.firstDay + 1;
  return counts;
}

/** Whether nothing of the archive's upkeep is begun or due. */
async function isAtRest(env: Env): Promise<boolean> {
  const { upkeep = [] } = await catalogOf(env).archiveStatus();
  return upkeep.every(({ begun, dueMs = Infinity }) => begun === undefined && dueMs > Date.now());
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    const number = (name: string): number => Number(url.searchParams.get(name));
    switch (url.pathname) {
      case '/bench/clock':
        offsetMs = number('offset');
        await (env.SHARD.get(env.SHARD.idFromName('default/shard/1/0')) as unknown as Shard).clockMoved();
        await catalogOf(env).clockMoved();
        return Response.json(Date.now());
      case '/bench/load':
        return Response.json(await load(env, number('day'), number('first'), number('end')));
      case '/bench/rollups':
        return Response.json(await rolledUpDays(env, number('first'), number('last')));
      case '/bench/rest':
        return Response.json(await isAtRest(env));
      default:
        return worker.fetch(request, env);
    }
  },
};
