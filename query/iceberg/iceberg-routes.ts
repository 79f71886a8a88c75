import { Hono, type Context } from 'hono';
import { discardBody } from '../../ingest/read-body.ts';
import { checkTenantName, DEFAULT_TENANT } from '../../storage/access/tenant-name.ts';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import type { TableMetadata } from '../../storage/catalog/iceberg/table-metadata.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { requestIdOf } from '../request-id.ts';
import { accessOf, setAccess } from '../tenant.ts';
import type { ClientConfig } from './client-config.ts';
import { icebergFailure, IcebergError } from './iceberg-error.ts';

export interface IcebergServices {
  readonly openTenant: (context: Context) => Promise<TenantShards>;
  readonly config: ClientConfig;
}

/** The one namespace: tables are `metrics.samples`, and those of roll-ups. */
const NAMESPACE = 'metrics';

/** What a client may call; without it, clients of the specification assume a writable catalog. */
const ENDPOINTS = [
  'GET /v1/{prefix}/namespaces',
  'GET /v1/{prefix}/namespaces/{namespace}',
  'HEAD /v1/{prefix}/namespaces/{namespace}',
  'GET /v1/{prefix}/namespaces/{namespace}/tables',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics',
  'GET /v1/{prefix}/namespaces/{namespace}/views',
];

/**
 * The Iceberg REST catalog, to be mounted at `/iceberg`: the reading half of the specification, for the tenant of the key, with or without the
 * tenant as prefix. HEAD arrives here as GET.
 */
export function icebergRoutes(services: IcebergServices): Hono {
  const routes = new Hono();
  const answered = (body: (context: Context, services: IcebergServices) => Promise<Response>) => async (context: Context): Promise<Response> => {
    try {
      return await body(context, services);
    } catch (error) {
      return icebergFailure(error, requestIdOf(context));
    }
  };
  routes.get('/v1/config', answered(async (context, { config }) => Response.json(configOf(context, config))));
  // Without the prefix first: `namespaces` is what it says before it is the name of a tenant.
  for (const base of ['/v1', '/v1/:prefix']) {
    const namespaces = `${base}/namespaces`;
    const namespace = `${namespaces}/:namespace`;
    const table = `${namespace}/tables/:table`;
    routes.get(namespaces, answered(listNamespaces));
    routes.get(namespace, answered(loadNamespace));
    routes.get(`${namespace}/tables`, answered(listTables));
    routes.get(`${namespace}/views`, answered(listViews));
    routes.get(`${namespace}/views/:view`, answered(loadView));
    routes.get(table, answered(loadTable));
    routes.get(`${table}/credentials`, answered(loadCredentials));
    routes.post(`${table}/metrics`, answered(takeScanReport));
  }
  return routes;
}

/** The tenant's shards, where the path names it, and a namespace, rightly. */
async function openCatalog(context: Context, { openTenant }: IcebergServices): Promise<TenantShards> {
  const prefix = context.req.param('prefix');
  if (prefix !== undefined) useTenant(context, prefix, 'the prefix in the path');
  const shards = await openTenant(context);
  const { namespace, table } = context.req.param() as { readonly namespace?: string; readonly table?: string };
  // `metrics.samples.snapshots` is first asked for as a table of that namespace, and only when there is no such table as metadata of ours.
  if (table !== undefined && namespace !== NAMESPACE) throw noSuchTable(table);
  if (namespace !== undefined) checkNamespace(namespace);
  return shards;
}

async function listNamespaces(context: Context, services: IcebergServices): Promise<Response> {
  await openCatalog(context, services);
  const parent = context.req.query('parent') ?? '';
  if (parent !== '') checkNamespace(parent);
  return Response.json({ namespaces: parent === '' ? [[NAMESPACE]] : [] });
}

async function loadNamespace(context: Context, services: IcebergServices): Promise<Response> {
  await openCatalog(context, services);
  return isHead(context) ? existing() : Response.json({ namespace: [NAMESPACE], properties: { comment: 'samples at full resolution, and their roll-ups' } });
}

async function listTables(context: Context, services: IcebergServices): Promise<Response> {
  const { names } = await (await openCatalog(context, services)).catalog((stub) => stub.tables());
  return Response.json({ identifiers: names.map((name) => ({ namespace: [NAMESPACE], name })) });
}

async function listViews(context: Context, services: IcebergServices): Promise<Response> {
  await openCatalog(context, services);
  return Response.json({ identifiers: [] });
}

async function loadView(context: Context, services: IcebergServices): Promise<Response> {
  await openCatalog(context, services);
  throw new IcebergError('NoSuchViewException', 404, 'there are no views');
}

async function loadTable(context: Context, services: IcebergServices): Promise<Response> {
  const found = await findTable(context, services);
  return isHead(context) ? existing() : tableAnswer(context, found, await vendedIfAsked(context, services.config));
}

async function loadCredentials(context: Context, services: IcebergServices): Promise<Response> {
  const { metadataLocation } = await findTable(context, services);
  const vended = await services.config.vended(context.req.raw);
  return Response.json({ 'storage-credentials': vended === undefined ? [] : [{ prefix: tableLocation(metadataLocation), config: vended }] }, { headers: { 'cache-control': 'no-store' } });
}

/** Nobody reads it: clients send it after each scan. */
async function takeScanReport(context: Context, services: IcebergServices): Promise<Response> {
  await discardBody(context.req.raw, LIMITS.icebergBodyBytesMax);
  await findTable(context, services);
  return existing();
}

/** What a client's configuration is completed with. The warehouse names the tenant, and the prefix goes on saying so where the key does not. */
function configOf(context: Context, config: ClientConfig): unknown {
  const warehouse = context.req.query('warehouse') ?? '';
  if (warehouse !== '') useTenant(context, warehouse, 'the warehouse');
  const isImplied = warehouse === '' || warehouse === DEFAULT_TENANT || accessOf(context).grant.tenant !== undefined;
  return { defaults: config.location(context.req.raw), overrides: isImplied ? {} : { prefix: warehouse }, endpoints: ENDPOINTS };
}

/** The path or a parameter names the tenant: it must be the key's, or the key one of all tenants. */
function useTenant(context: Context, named: string, what: string): void {
  const { tenant, isTenantNamed, grant } = accessOf(context);
  checkTenantName(named, what);
  if (grant.tenant !== undefined && named !== grant.tenant) throw new VarveError('forbidden', `this key is for one tenant, and ${what} names another`);
  if (isTenantNamed && named !== tenant) throw badData(`${placeOfTenant(context)} and ${what} name different tenants`);
  setAccess(context, { tenant: named, isTenantNamed: true, grant });
}

/** Where a request has named its tenant already. */
function placeOfTenant(context: Context): string {
  return context.req.header('x-scope-orgid') === undefined ? 'the user name' : 'the header X-Scope-OrgID';
}

function checkNamespace(namespace: string): void {
  if (namespace !== NAMESPACE) throw new IcebergError('NoSuchNamespaceException', 404, `there is one namespace, ${NAMESPACE}`);
}

interface FoundTable {
  readonly metadataLocation: string;
  readonly metadata: string;
}

/** The table that the path names. */
async function findTable(context: Context, services: IcebergServices): Promise<FoundTable> {
  const shards = await openCatalog(context, services);
  const name = context.req.param('table')!;
  const answer = await shards.catalog((stub) => stub.loadTable({ version: CATALOG_RPC_VERSION, name }));
  if (answer.status === 'found') return answer;
  throw noSuchTable(name);
}

function noSuchTable(name: string): IcebergError {
  return new IcebergError('NoSuchTableException', 404, `there is no table ${JSON.stringify(name.slice(0, 100))} here, or it has no snapshot yet; tables are in the namespace ${NAMESPACE}`);
}

function tableAnswer(context: Context, { metadataLocation, metadata }: FoundTable, vended: Readonly<Record<string, string>> | undefined): Response {
  const snapshots = context.req.query('snapshots') ?? 'all';
  if (snapshots !== 'all' && snapshots !== 'refs') throw badData('snapshots must be all or refs');
  // Metadata never changes where it stands; what is vended goes with the client's own key. Weak, since answers may be compressed on the way.
  const etag = `W/"${metadataLocation.slice(metadataLocation.lastIndexOf('/') + 1)}-${snapshots}"`;
  const headers = { etag, 'cache-control': vended === undefined ? 'private, no-cache' : 'no-store', 'content-type': 'application/json' };
  const known = context.req.header('if-none-match');
  if (known?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag.slice(2)) === true) return new Response(null, { status: 304, headers });
  const rest = { config: vended ?? {}, ...(vended === undefined ? {} : { 'storage-credentials': [{ prefix: tableLocation(metadataLocation), config: vended }] }) };
  const text = snapshots === 'all' ? metadata : JSON.stringify(referencedOnly(JSON.parse(metadata) as TableMetadata));
  return new Response(`{"metadata-location":${JSON.stringify(metadataLocation)},"metadata":${text},${JSON.stringify(rest).slice(1)}`, { headers });
}

/** The metadata with no other snapshots than those that a branch or tag refers to. */
function referencedOnly(metadata: TableMetadata): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map((reference) => reference['snapshot-id']));
  return { ...metadata, snapshots: metadata.snapshots.filter((snapshot) => referenced.has(snapshot['snapshot-id'])) };
}

function tableLocation(metadataLocation: string): string {
  return metadataLocation.slice(0, metadataLocation.lastIndexOf('/metadata/'));
}

async function vendedIfAsked(context: Context, config: ClientConfig): Promise<Readonly<Record<string, string>> | undefined> {
  const asked = (context.req.header('x-iceberg-access-delegation') ?? '').split(',').some((way) => way.trim().toLowerCase() === 'vended-credentials');
  return asked ? config.vended(context.req.raw) : undefined;
}

function isHead(context: Context): boolean {
  return context.req.raw.method === 'HEAD';
}

function existing(): Response {
  return new Response(null, { status: 204 });
}
