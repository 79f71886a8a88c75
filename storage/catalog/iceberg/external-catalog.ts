import { IcebergError, IcebergRestCatalog, type CommitTableRequest, type TableMetadata as RemoteTable } from 'iceberg-js';
import { concatBytes } from '../../../proto/concat-bytes.ts';
import { deadline } from '../../runtime/deadline.ts';
import type { ExternalCatalogConfig } from '../../runtime/external-catalog-config.ts';
import type { Fetch } from '../../runtime/fetch.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { TableDefinition } from './table-definition.ts';

export type { CommitTableRequest, RemoteTable };

export interface ExternalCatalogOptions {
  readonly config: ExternalCatalogConfig;
  readonly tenant: string;
  readonly fetch: Fetch;
  readonly limits: Pick<typeof LIMITS, 'mirrorRequestMsMax' | 'mirrorAnswerBytesMax'>;
}

/** The tenant whose tables are in the configured namespace itself. */
const DEFAULT_TENANT = 'default';

/**
 * Somebody else's Iceberg REST catalog, R2 Data Catalog for example, as the tables of one tenant are kept in it. Everything throws when the
 * catalog does not answer in time, or refuses: the message says why.
 */
export class ExternalCatalog {
  readonly #options: ExternalCatalogOptions;
  readonly namespace: string;

  constructor(options: ExternalCatalogOptions) {
    this.#options = options;
    const { config, tenant } = options;
    this.namespace = tenant === DEFAULT_TENANT ? config.namespace : `${config.namespace}_${tenant}`;
  }

  /** Says which catalog and which of its tables these are, for who remembers what has come there. */
  get identity(): string {
    const { uri, warehouse } = this.#options.config;
    return `${uri} ${warehouse ?? ''} ${this.namespace}`;
  }

  /** For one piece of work: what the catalog says of itself is asked for once, and an answer that is lost is not remembered as another. */
  async connect(): Promise<ExternalTables> {
    const { uri, warehouse, token } = this.#options.config;
    const client = new IcebergRestCatalog({
      baseUrl: uri,
      ...(warehouse === undefined ? {} : { warehouse }),
      auth: token === undefined ? { type: 'none' } : { type: 'bearer', token: token.reveal() },
      fetch: (input, init) => this.#fetch(input instanceof Request ? input.url : input, init),
    });
    // The client takes a path of its own making where this fails, and would look for the tables there.
    if (warehouse !== undefined) await client.loadConfig();
    return new ExternalTables(client, this.namespace);
  }

  async #fetch(input: string | URL, init: RequestInit | undefined): Promise<Response> {
    const { fetch: send, limits } = this.#options;
    // A redirect is an error: the token is for this catalog alone.
    const response = await send(input, { ...init, redirect: 'manual', signal: deadline(limits.mirrorRequestMsMax) });
    const body = await readAtMost(response, limits.mirrorAnswerBytesMax);
    // Statuses without a body take none.
    return new Response(body.length === 0 ? null : body, { status: response.status === 0 ? 502 : response.status, headers: response.headers });
  }
}

/** The tables of a namespace, over one connection. */
export class ExternalTables {
  readonly #client: IcebergRestCatalog;
  readonly #namespace: string;

  constructor(client: IcebergRestCatalog, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** `undefined` when there is no such table, or no such namespace. */
  async load(name: string): Promise<RemoteTable | undefined> {
    try {
      return (await this.#client.loadTable(this.#idOf(name))) ?? undefined;
    } catch (error) {
      if (error instanceof IcebergError && error.isNotFound()) return undefined;
      throw error;
    }
  }

  /** Harmless to repeat. */
  async createNamespace(): Promise<void> {
    await this.#client.createNamespaceIfNotExists({ namespace: [this.#namespace] });
  }

  /** What a table would be there: nothing is created before a commit that asserts it. */
  async stage({ name, schema, partitionSpec, sortOrder }: TableDefinition, location: string): Promise<RemoteTable> {
    const request = { name, location, schema, 'partition-spec': partitionSpec, 'write-order': sortOrder, 'stage-create': true, properties: {} };
    // The specification's words are those of our definitions; their types are only wider.
    return this.#client.createTable({ namespace: [this.#namespace] }, request as unknown as Parameters<IcebergRestCatalog['createTable']>[1]);
  }

  /** `conflict`: something that was required is not so, and nothing has changed. */
  async commit(name: string, request: CommitTableRequest): Promise<'done' | 'conflict'> {
    try {
      await this.#client.commitTable(this.#idOf(name), request);
      return 'done';
    } catch (error) {
      if (error instanceof IcebergError && error.isConflict()) return 'conflict';
      throw error;
    }
  }

  #idOf(name: string): { readonly namespace: string[]; readonly name: string } {
    return { namespace: [this.#namespace], name };
  }
}

async function readAtMost({ body }: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > bytesMax) throw new Error(`the catalog's answer has more than ${bytesMax} bytes, the limit mirrorAnswerBytesMax`);
    parts.push(part);
  }
  return concatBytes(parts, length);
}
