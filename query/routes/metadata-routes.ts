import { Hono } from 'hono';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { badData } from '../../storage/runtime/errors.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { answer } from '../answer.ts';
import { DATA_BEGINS, streamedAsync, success } from '../respond.ts';
import { openTenant, type TenantServices } from '../tenant.ts';

/**
 * `GET /metadata`, to be mounted at `/api/v1`: type, help and unit of every metric that was ever written with them, whatever the protocol.
 * Metrics are in the order of their names, and the newest entry of a metric comes first.
 */
export function metadataRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/metadata', (context) =>
    answer(context, async (parameters) => {
      const wanted = {
        metric: parameters.get('metric') || undefined,
        metricsMax: boundParameter(parameters, 'limit') ?? Infinity,
        // As in Prometheus, zero entries of a metric mean no limit, while zero metrics mean none.
        perMetricMax: boundParameter(parameters, 'limit_per_metric') || Infinity,
      };
      const shards = await openTenant(services, context);
      return wanted.metricsMax === 0 ? success({}) : metadata(shards, wanted);
    }),
  );
  return routes;
}

interface Wanted {
  readonly metric: string | undefined;
  readonly metricsMax: number;
  readonly perMetricMax: number;
}

/** The answer page by page: all of it may be more than one should hold. */
function metadata(shards: TenantShards, wanted: Wanted): Promise<Response> {
  let begin = `${DATA_BEGINS}{`;
  let metrics = 0;
  let after = '';
  return streamedAsync(async (text) => {
    const request = { version: CATALOG_RPC_VERSION, ...wanted, metricsMax: wanted.metricsMax - metrics, after };
    const { entries, more } = await shards.catalog((catalog) => catalog.metadata(request));
    text.ascii(begin);
    begin = '';
    for (const group of groupsOf(entries)) {
      const list = group.map(({ type, help, unit }) => ({ type, help, unit }));
      text.text(`${metrics++ === 0 ? '' : ','}${JSON.stringify(group[0]!.metric)}:${JSON.stringify(list)}`);
    }
    const last = entries.at(-1);
    if (more && last !== undefined && metrics < wanted.metricsMax) {
      after = last.metric;
      return true;
    }
    text.ascii('}}');
    return false;
  });
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
function boundParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw badData(`${name} must be a number`);
  const count = Number(text);
  return count < 0 ? undefined : count;
}
