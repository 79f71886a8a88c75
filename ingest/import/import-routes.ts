import { Hono, type Context } from 'hono';
import { isPrecision } from '../../proto/influx-line.ts';
import { mediaTypeOf } from '../../proto/media-type.ts';
import { badData, VarveError, type ErrorKind } from '../../storage/runtime/errors.ts';
import { EXPOSITION_IMPORT_PATH, INFLUX_PATHS } from '../door-paths.ts';
import type { DoorRouteServices } from '../door-route-services.ts';
import { readShortText } from '../short-body.ts';
import { doorError, retryHeaders, WRITE_STATUS, writeError } from '../write-outcome.ts';
import type { ImportDoor, ImportOptions, ImportOutcome } from './import-door.ts';

export interface ImportRouteServices extends DoorRouteServices {
  readonly door: ImportDoor;
}

/** How many samples of a request wait for the archive, and are not found by queries before it has them. */
const LATE_HEADER = 'varve-late-samples';
/** How many of its exemplars were too old to be kept. */
const LEFT_OUT_HEADER = 'varve-exemplars-left-out';

/** Doors for texts of any length and samples of any age, to be mounted at the root. */
export function importRoutes(services: ImportRouteServices): Hono {
  const routes = new Hono();
  routes.post(EXPOSITION_IMPORT_PATH, (context) => importExposition(services, context));
  for (const { write, writeOf2, query, ping, health } of INFLUX_PATHS) {
    routes.post(write, (context) => influxWrite(services, context, 'db'));
    routes.post(writeOf2, (context) => influxWrite(services, context, 'bucket'));
    // Telegraf makes its database before it writes.
    routes.post(query, (context) => influxQuery(services, context));
    routes.get(query, (context) => influxQuery(services, context));
    routes.get(ping, () => new Response(null, { status: 204, headers: { 'x-influxdb-version': INFLUX_VERSION } }));
    routes.get(health, (context) => context.json({ name: 'influxdb', message: 'ready for writes', status: 'pass', checks: [], version: INFLUX_VERSION }));
  }
  return routes;
}

/** Clients choose what they send by it: 1.8 is the first that also has the paths of 2.x. */
const INFLUX_VERSION = '1.8.10';

async function importExposition({ openTenant, requestIdOf, door }: ImportRouteServices, context: Context): Promise<Response> {
  try {
    const outcome = await door.exposition(await openTenant(context), context.req.raw, readOptions(context));
    const { rejections, stored, lateSamples } = outcome;
    const response = rejections.isEmpty ? new Response(null, { status: 204 }) : writeError(new VarveError(rejections.kind, rejections.message(stored.samples + lateSamples)));
    return withLate(response, outcome);
  } catch (error) {
    return writeError(doorError(error, requestIdOf(context)));
  }
}

async function influxWrite({ openTenant, requestIdOf, door }: ImportRouteServices, context: Context, databaseParameter: string): Promise<Response> {
  try {
    // An empty one is none, to InfluxDB too.
    const precision = context.req.query('precision') || 'ns';
    if (!isPrecision(precision)) throw badData(`precision is ${JSON.stringify(precision)}; it must be ns, us, ms or s`);
    const database = context.req.query(databaseParameter) ?? '';
    const outcome = await door.influx(await openTenant(context), context.req.raw, readOptions(context), { precision, database });
    const { rejections, stored, lateSamples } = outcome;
    const response = rejections.isEmpty
      ? new Response(null, { status: 204 })
      : influxError(new VarveError(rejections.kind, `partial write: ${rejections.message(stored.samples + lateSamples)}`));
    return withLate(response, outcome);
  } catch (error) {
    return influxError(doorError(error, requestIdOf(context)));
  }
}

/** `CREATE DATABASE` and `SHOW DATABASES`, which write clients ask for; there is nothing to create. Queries are PromQL here. */
async function influxQuery({ requestIdOf }: ImportRouteServices, context: Context): Promise<Response> {
  let query: string;
  try {
    const isForm = context.req.method === 'POST' && mediaTypeOf(context.req.header('content-type')) === 'application/x-www-form-urlencoded';
    const form = isForm && context.req.query('q') === undefined ? await readShortText(context.req.raw, 'queryBodyBytesMax') : '';
    query = context.req.query('q') ?? new URLSearchParams(form).get('q') ?? '';
  } catch (error) {
    return influxError(doorError(error, requestIdOf(context)));
  }
  if (/^\s*(?:create\s+database|show\s+databases)\b/i.test(query)) return context.json({ results: [{ statement_id: 0 }] });
  return influxError(badData('InfluxQL is not supported here; query with PromQL at /api/v1/query'));
}

/** Codes of InfluxDB 2; 1.x has the message alone, as `error`. Both are sent, and each client reads its own. */
const INFLUX_CODES: Readonly<Partial<Record<ErrorKind, string>>> = {
  'bad-data': 'invalid',
  cardinality: 'invalid',
  execution: 'invalid',
  'not-found': 'not found',
  'not-supported': 'unsupported media type',
  'too-large': 'request too large',
  limit: 'too many requests',
  unauthenticated: 'unauthorized',
  forbidden: 'forbidden',
};

function influxError(error: VarveError): Response {
  const { kind, message } = error;
  return Response.json({ code: INFLUX_CODES[kind] ?? 'unavailable', message, error: message }, { status: WRITE_STATUS[kind], headers: retryHeaders(error) });
}

function withLate(response: Response, { lateSamples, exemplarsLeftOut }: ImportOutcome): Response {
  if (lateSamples > 0) response.headers.set(LATE_HEADER, String(lateSamples));
  if (exemplarsLeftOut > 0) response.headers.set(LEFT_OUT_HEADER, String(exemplarsLeftOut));
  return response;
}

/** `extra_label=name=value`, any number of them, and `timestamp=` in Unix ms: the parameters of VictoriaMetrics' imports. */
function readOptions(context: Context): ImportOptions {
  const extraLabels: string[] = [];
  for (const pair of context.req.queries('extra_label') ?? []) {
    const at = pair.indexOf('=');
    if (at <= 0) throw badData(`extra_label is ${JSON.stringify(pair)}; it must be name=value`);
    const name = pair.slice(0, at);
    if (extraLabels.some((other, i) => i % 2 === 0 && other === name)) throw badData(`extra_label names ${JSON.stringify(name)} twice`);
    extraLabels.push(name, pair.slice(at + 1));
  }
  const timestamp = context.req.query('timestamp');
  if (timestamp !== undefined && !/^-?\d{1,15}$/.test(timestamp)) throw badData(`timestamp is ${JSON.stringify(timestamp)}; it must be whole milliseconds since 1970`);
  return { extraLabels, defaultTimestampMs: timestamp === undefined ? undefined : Number(timestamp) };
}
