import { Hono } from 'hono';
import { CATALOG_RPC_VERSION, type MetadataAnswer } from '../storage/catalog/catalog-api.ts';
import type { MetadataEntry } from '../storage/model/metadata.ts';
import { badData } from '../storage/runtime/errors.ts';
import type { ShardRouter, TenantShards } from '../storage/shard-router.ts';
import { failure, jsonStream } from './respond.ts';
import { openTenant } from './tenant.ts';

export interface MetadataServices {
  readonly router: ShardRouter;
}

/**
 * `GET /metadata`, to be mounted at `/api/v1`: type, help and unit of every metric that was ever written with them, whatever the protocol.
 * Metrics are in the order of their names, and the newest entry of a metric comes first.
 */
export function metadataRoutes({ router }: MetadataServices): Hono {
  const routes = new Hono();
  routes.get('/metadata', async (context) => {
    try {
      const parameters = new URL(context.req.url).searchParams;
      const wanted = {
        metric: parameters.get('metric') || undefined,
        metricsMax: countParameter(parameters, 'limit') ?? Infinity,
        // As in Prometheus, zero entries of a metric mean no limit, while zero metrics mean none.
        perMetricMax: countParameter(parameters, 'limit_per_metric') || Infinity,
      };
      const shards = await openTenant({ router }, context);
      if (wanted.metricsMax === 0) return jsonStream(oneText('{"status":"success","data":{}}'));
      // The first page before the answer begins, so that a catalog that is away is an error and not half an answer.
      const first = await readPage(shards, { ...wanted, after: '' });
      return jsonStream(metadataText(shards, wanted, first));
    } catch (error) {
      return failure(error);
    }
  });
  return routes;
}

interface Wanted {
  readonly metric: string | undefined;
  readonly metricsMax: number;
  readonly perMetricMax: number;
}

function readPage(shards: TenantShards, wanted: Wanted & { readonly after: string }): Promise<MetadataAnswer> {
  return shards.catalog((catalog) => catalog.metadata({ version: CATALOG_RPC_VERSION, ...wanted }));
}

async function* oneText(text: string): AsyncGenerator<string> {
  yield text;
}

/** The answer page by page: all of it may be more than one should hold. */
async function* metadataText(shards: TenantShards, wanted: Wanted, first: MetadataAnswer): AsyncGenerator<string> {
  yield '{"status":"success","data":{';
  let metrics = 0;
  for (let page = first; ; ) {
    let text = '';
    for (const group of groupsOf(page.entries)) {
      const list = group.map(({ type, help, unit }) => ({ type, help, unit }));
      text += `${metrics++ === 0 ? '' : ','}${JSON.stringify(group[0]!.metric)}:${JSON.stringify(list)}`;
    }
    yield text;
    const last = page.entries.at(-1);
    if (!page.more || last === undefined || metrics >= wanted.metricsMax) break;
    page = await readPage(shards, { ...wanted, metricsMax: wanted.metricsMax - metrics, after: last.metric });
  }
  yield '}}';
}

function* groupsOf(entries: readonly MetadataEntry[]): Generator<MetadataEntry[]> {
  let group: MetadataEntry[] = [];
  for (const entry of entries) {
    if (group.length > 0 && group[0]!.metric !== entry.metric) {
      yield group;
      group = [];
    }
    group.push(entry);
  }
  if (group.length > 0) yield group;
}

/** A whole number; absent and negative mean no limit. */
function countParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw badData(`${name} must be a number`);
  const count = Number(text);
  return count < 0 ? undefined : count;
}
