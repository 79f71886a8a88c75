import { DurableObject } from 'cloudflare:workers';
import { TimeSeriesStore } from '../../storage/index.ts';

/*
 * The Worker that store.ts measures: one Durable Object with a store. Each request does one thing `times` times in one event; the
 * clock of a Worker stands still meanwhile, so the time is taken outside.
 */
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2024, 0, 15);
const POINTS_PER_KEY = 10_000;

interface Env {
  readonly BENCH: DurableObjectNamespace<BenchObject>;
}

export class BenchObject extends DurableObject<Env> {
  readonly #store = new TimeSeriesStore<unknown>(this.ctx.storage);
  #counter = 0;

  override async fetch(request: Request): Promise<Response> {
    const { searchParams: parameters } = new URL(request.url);
    const times = Number(parameters.get('times') ?? '1');
    const operation = OPERATIONS[parameters.get('do') ?? ''];
    if (operation === undefined) return new Response('no such operation', { status: 404 });
    let last: unknown;
    for (let i = 0; i < times; i++) last = await operation(this.#store, this.#counter++);
    return Response.json(last ?? null);
  }
}

type Operation = (store: TimeSeriesStore<unknown>, counter: number) => Promise<unknown>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  nothing: async () => undefined,
  /** One value for each of 10,000 keys. */
  'fill keys': (store) => store.putBatch(Array.from({ length: 10_000 }, (_, i) => ({ key: `key_${i}`, value: i, timestamp: START_MS }))),
  /** 10,000 points of one more key. */
  'fill points': (store, counter) =>
    store.putBatch(
      Array.from({ length: POINTS_PER_KEY }, (_, i) => ({ key: `series_${counter % 100}`, value: Math.sin(i / 50) * 100, timestamp: START_MS + i * 1000 })),
    ),
  put: (store, counter) => store.put(`key_${counter % 10_000}`, counter),
  'put JSON': (store, counter) => store.put('audit', { who: 'somebody', what: counter }),
  get: (store, counter) => store.get(`key_${(counter * 7919) % 10_000}`),
  'get JSON': (store) => store.get('audit'),
  'getAsOf cached': (store) => store.getAsOf('series_7', START_MS + 5_000_000),
  'getAsOf uncached': (store, counter) => store.getAsOf(`series_${(counter * 31) % 100}`, START_MS + ((counter * 7919) % POINTS_PER_KEY) * 1000 + 1),
  'range of 10,000': async (store, counter) => {
    let sum = 0;
    for await (const { value } of store.range(`series_${counter % 100}`)) sum += value as number;
    return sum;
  },
  'aggregate of 10,000, raw': (store, counter) => store.aggregate(`series_${counter % 100}`, { bucket: '1h', metrics: ['avg', 'max', 'p99'] }),
  'roll up': async (store) => store.rollup({ olderThan: '1h', bucket: '1m', aggregates: ['min', 'max', 'avg', 'count', 'sum'] }),
  'prune half': (store) => store.prune({ before: START_MS + (POINTS_PER_KEY / 2) * 1000 }),
  'aggregate of 5,000, rolled up': (store, counter) =>
    store.aggregate(`series_${counter % 100}`, { start: START_MS, end: START_MS + HOUR_MS, bucket: '1h', metrics: ['avg', 'max'] }),
  /** 10,000 values since the last snapshot are in the log. */
  snapshot: async (store) => {
    const snapshotId = store.createSnapshot();
    await store.deleteSnapshot(snapshotId);
  },
};

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    return env.BENCH.get(env.BENCH.idFromName('bench')).fetch(request);
  },
};
