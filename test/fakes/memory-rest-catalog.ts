import type { Fetch } from '../../storage/runtime/fetch.ts';

type Json = Record<string, unknown>;

interface Table {
  metadata: Json;
  version: number;
}

export type RequestFault = 'lose-request' | 'lose-answer' | undefined;

/**
 * An Iceberg REST catalog in memory, as strict as the specification and its reference implementation: a commit that requires what is not so, or
 * says what cannot be, changes nothing. It knows no way to write but staged creation and commits.
 */
export class MemoryRestCatalog {
  readonly tables = new Map<string, Table>();
  readonly namespaces = new Set<string>();
  readonly requests: string[] = [];
  /** By position of the request, from 0. */
  fault: (request: number) => RequestFault = () => undefined;
  /** Gives columns of staged tables ids of its own, and keeps the staged partitions: a catalog that tables with files cannot live in. */
  keepsStaged = false;
  /** Its clock, Unix ms. */
  nowMs = (): number => 0;
  /** The key that counts. */
  token = 'T0ken';
  readonly #prefix: string;
  #uuids = 0;

  constructor(prefix = 'pre/fix') {
    this.#prefix = prefix;
  }

  readonly fetch: Fetch = async (input, init) => {
    const url = new URL(input);
    const method = init?.method ?? 'GET';
    const fault = this.fault(this.requests.length);
    this.requests.push(`${method} ${url.pathname}`);
    if (fault === 'lose-request') throw new Error('Network connection lost.');
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as Json) : {};
    const answer = new Headers(init?.headers).get('authorization') === `Bearer ${this.token}` ? this.#answer(method, url, body) : failure(401, 'NotAuthorizedException', 'no valid token');
    if (fault === 'lose-answer') throw new Error('Network connection lost.');
    return answer;
  };

  metadata(name: string): Json & { readonly snapshots: Json[]; readonly properties: Record<string, string>; readonly refs: Record<string, { readonly 'snapshot-id': number }> } {
    return this.tables.get(name)!.metadata as ReturnType<MemoryRestCatalog['metadata']>;
  }

  /** Somebody else's commit. */
  write(name: string, updates: readonly Json[]): void {
    const table = this.tables.get(name)!;
    table.metadata = apply(table.metadata, updates, this.nowMs());
    table.version++;
  }

  #answer(method: string, url: URL, body: Json): Response {
    if (url.pathname === '/cat/v1/config') {
      if (url.searchParams.get('warehouse') !== 'W') return failure(400, 'BadRequestException', 'no such warehouse');
      return Response.json({ defaults: {}, overrides: { prefix: this.#prefix } });
    }
    const base = `/cat/v1/${this.#prefix}/namespaces`;
    if (!url.pathname.startsWith(base)) return failure(404, 'NoSuchWarehouseException', 'no such prefix');
    const [, namespace, kind, name] = url.pathname.slice(base.length).split('/').map(decodeURIComponent);
    if (namespace === undefined) {
      if (method !== 'POST') return failure(405, 'BadRequestException', method);
      const [created] = body['namespace'] as [string];
      if (this.namespaces.has(created)) return failure(409, 'AlreadyExistsException', 'namespace exists');
      this.namespaces.add(created);
      return Response.json({ namespace: [created], properties: {} });
    }
    if (kind !== 'tables') return failure(400, 'BadRequestException', 'no such path');
    if (!this.namespaces.has(namespace)) return failure(404, 'NoSuchNamespaceException', 'no such namespace');
    if (name === undefined && method === 'GET') return Response.json({ identifiers: [...this.tables.keys()].map((id) => ({ namespace: [namespace], name: id.slice(namespace.length + 1) })) });
    if (name === undefined) return this.#stage(namespace, body);
    const id = `${namespace}.${name}`;
    const table = this.tables.get(id);
    if (method === 'GET') return table === undefined ? failure(404, 'NoSuchTableException', 'no such table') : loaded(table);
    return this.#commit(id, table, body as { readonly requirements: Json[]; readonly updates: Json[] });
  }

  #stage(namespace: string, { name, location, schema, 'partition-spec': spec, 'stage-create': isStaged }: Json): Response {
    if (isStaged !== true) return failure(400, 'BadRequestException', 'columns of tables that are created at once get other ids than files have');
    if (this.tables.has(`${namespace}.${String(name)}`)) return failure(409, 'AlreadyExistsException', 'table exists');
    const uuid = `00000000-0000-4000-8000-${String(++this.#uuids).padStart(12, '0')}`;
    return Response.json({ metadata: { ...empty(uuid), location, schemas: [schema], 'partition-specs': [spec] }, config: {} });
  }

  #commit(id: string, table: Table | undefined, { requirements, updates }: { readonly requirements: Json[]; readonly updates: Json[] }): Response {
    const isCreate = requirements.some(({ type }) => type === 'assert-create');
    if (table === undefined && !isCreate) return failure(404, 'NoSuchTableException', 'no such table');
    for (const requirement of requirements) {
      const unmet = unmetBy(requirement, table?.metadata);
      if (unmet !== undefined) return failure(409, 'CommitFailedException', `Requirement failed: ${unmet}`);
    }
    try {
      const staged = this.keepsStaged ? { 'partition-specs': [{ 'spec-id': 0, fields: [] }] } : {};
      const metadata = apply(table?.metadata ?? { ...empty(''), ...staged }, updates, this.nowMs());
      const next = { metadata, version: (table?.version ?? 0) + 1 };
      this.tables.set(id, next);
      return loaded(next);
    } catch (error) {
      return failure(400, 'BadRequestException', error instanceof Error ? error.message : String(error));
    }
  }
}

function unmetBy(requirement: Json, metadata: Json | undefined): string | undefined {
  switch (requirement['type']) {
    case 'assert-create':
      return metadata === undefined ? undefined : 'table already exists';
    case 'assert-table-uuid':
      return metadata?.['table-uuid'] === requirement['uuid'] ? undefined : 'UUID does not match';
    case 'assert-ref-snapshot-id': {
      const refs = metadata?.['refs'] as Record<string, Json> | undefined;
      const id = refs?.[requirement['ref'] as string]?.['snapshot-id'] ?? null;
      return id === requirement['snapshot-id'] ? undefined : `branch ${String(requirement['ref'])} has changed: expected id ${String(requirement['snapshot-id'])} != ${String(id)}`;
    }
    default:
      return `unknown requirement ${String(requirement['type'])}`;
  }
}

function empty(uuid: string): Json {
  return { 'format-version': 1, 'table-uuid': uuid, 'last-sequence-number': 0, schemas: [], 'partition-specs': [], 'sort-orders': [], properties: {}, snapshots: [], refs: {}, 'current-snapshot-id': -1 };
}

function apply(before: Json, updates: readonly Json[], nowMs: number): Json {
  const after = structuredClone(before) as Json & { schemas: Json[]; 'partition-specs': Json[]; 'sort-orders': Json[]; snapshots: Json[]; refs: Record<string, Json>; properties: Json };
  const nextId = (list: readonly Json[], field: string): number => Math.max(-1, ...list.map((each) => each[field] as number)) + 1;
  for (const update of updates) {
    switch (update['action']) {
      case 'assign-uuid':
        after['table-uuid'] = update['uuid'];
        break;
      case 'upgrade-format-version':
        after['format-version'] = update['format-version'];
        break;
      case 'add-schema':
        after.schemas.push({ ...(update['schema'] as Json), 'schema-id': nextId(after.schemas, 'schema-id') });
        after['last-column-id'] = Math.max((after['last-column-id'] as number | undefined) ?? 0, update['last-column-id'] as number);
        break;
      case 'set-current-schema':
        after['current-schema-id'] = chosen(update['schema-id'], after.schemas, 'schema-id');
        break;
      case 'add-spec':
        after['partition-specs'].push({ ...(update['spec'] as Json), 'spec-id': nextId(after['partition-specs'], 'spec-id') });
        after['last-partition-id'] = ((update['spec'] as Json)['fields'] as Json[]).reduce((last, field) => Math.max(last, field['field-id'] as number), 999);
        break;
      case 'set-default-spec':
        after['default-spec-id'] = chosen(update['spec-id'], after['partition-specs'], 'spec-id');
        break;
      case 'add-sort-order':
        after['sort-orders'].push(update['sort-order'] as Json);
        break;
      case 'set-default-sort-order':
        after['default-sort-order-id'] = chosen(update['sort-order-id'], after['sort-orders'], 'order-id');
        break;
      case 'set-location':
        after['location'] = update['location'];
        break;
      case 'set-properties':
        after.properties = { ...after.properties, ...(update['updates'] as Json) };
        break;
      case 'add-snapshot':
        addSnapshot(after, update['snapshot'] as Json);
        break;
      case 'set-snapshot-ref':
        if (!after.snapshots.some((each) => each['snapshot-id'] === update['snapshot-id'])) throw new Error(`Cannot set ${String(update['ref-name'])} to unknown snapshot`);
        after.refs[update['ref-name'] as string] = { 'snapshot-id': update['snapshot-id'], type: update['type'] };
        if (update['ref-name'] === 'main') after['current-snapshot-id'] = update['snapshot-id'];
        break;
      case 'remove-snapshots': {
        const ids = update['snapshot-ids'] as readonly number[];
        if (ids.length !== 1) throw new Error(`Expected one value but received: ${ids.join()}`);
        for (const id of ids) {
          if (!after.snapshots.some((each) => each['snapshot-id'] === id)) throw new Error(`no snapshot ${id}`);
          if (Object.values(after.refs).some((ref) => ref['snapshot-id'] === id)) throw new Error(`snapshot ${id} is referred to`);
        }
        after.snapshots = after.snapshots.filter((each) => !ids.includes(each['snapshot-id'] as number));
        break;
      }
      default:
        throw new Error(`unknown update ${String(update['action'])}`);
    }
  }
  if (!updates.some(({ action }) => action === 'add-snapshot')) after['last-updated-ms'] = nowMs;
  if (after['format-version'] !== 2 || after['current-schema-id'] === undefined || after['default-spec-id'] === undefined) throw new Error('a table without schema or partitioning');
  return after;
}

function chosen(id: unknown, list: readonly Json[], field: string): unknown {
  const found = id === -1 ? list.at(-1)?.[field] : id;
  if (!list.some((each) => each[field] === found)) throw new Error(`no ${field} ${String(id)}`);
  return found;
}

function addSnapshot(table: Json & { snapshots: Json[] }, snapshot: Json): void {
  if (table.snapshots.some((each) => each['snapshot-id'] === snapshot['snapshot-id'])) throw new Error('Snapshot already exists for id');
  const sequence = snapshot['sequence-number'] as number;
  const last = table['last-sequence-number'] as number;
  if (sequence <= last && snapshot['parent-snapshot-id'] !== undefined) throw new Error(`Cannot add snapshot with sequence number ${sequence} older than last sequence number ${last}`);
  if (!(table['schemas'] as Json[]).some((each) => each['schema-id'] === snapshot['schema-id'])) throw new Error('a snapshot of an unknown schema');
  const [timeMs, updatedMs] = [snapshot['timestamp-ms'] as number, table['last-updated-ms'] as number];
  if (timeMs < updatedMs - 60_000) throw new Error(`Invalid snapshot timestamp ${timeMs}: before last updated timestamp ${updatedMs}`);
  table.snapshots.push(snapshot);
  table['last-sequence-number'] = sequence;
  table['last-updated-ms'] = snapshot['timestamp-ms'];
}

function loaded({ metadata, version }: Table): Response {
  return Response.json({ 'metadata-location': `s3://b/metadata/${version}.json`, metadata, config: {} });
}

function failure(code: number, type: string, message: string): Response {
  return Response.json({ error: { message, type, code } }, { status: code });
}
