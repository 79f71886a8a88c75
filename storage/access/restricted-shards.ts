import type { CatalogApi } from '../catalog/catalog-api.ts';
import type { Matcher } from '../model/matcher.ts';
import { VarveError } from '../runtime/errors.ts';
import type { TenantShards } from '../shard-router.ts';
import type { CardinalityShardAnswer, LabelsShardRequest, ShardApi } from '../shard/shard-api.ts';
import { visibleMetadata, visibleNames } from './restricted-metadata.ts';

type Restricted = { readonly [M in keyof ShardApi]?: (stub: ShardApi, matchers: readonly Matcher[]) => ShardApi[M] };

/**
 * What a restricted reader may ask of a shard, with the matchers put into the request. Everything that is not here is refused: a method that
 * is added to shards later is closed until somebody has thought about it. The matchers are joined to the caller's by "and", so they
 * intersect in the index whatever the query says; no query text is ever rewritten.
 */
const RESTRICTED: Restricted = {
  select: (stub, matchers) => (request) => stub.select({ ...request, matchers: [...request.matchers, ...matchers] }),
  evaluate: (stub, matchers) => (request) => stub.evaluate({ ...request, matchers: [...request.matchers, ...matchers] }),
  labelNames: (stub, matchers) => (request) => stub.labelNames(withMatchers(request, matchers)),
  labelValues: (stub, matchers) => (name, request) => stub.labelValues(name, withMatchers(request, matchers)),
  series: (stub, matchers) => (request) => stub.series(withMatchers(request, matchers)),
  selectExemplars: (stub, matchers) => (request) => stub.selectExemplars(withMatchers(request, matchers)),
  cardinality: (stub, matchers) => async (request) => withoutExtent(await stub.cardinality(withMatchers(request, matchers))),
  changes: (stub, matchers) => (request) => stub.changes(withMatchers(request, matchers)),
};

/** The methods of shards that restricted readers may use. */
export const RESTRICTED_METHODS: ReadonlySet<string> = new Set(Object.keys(RESTRICTED));

/** A tenant's shards as somebody sees them who may only read series that match. Without matchers they are the shards themselves. */
export function restrictShards(shards: TenantShards, matchers: readonly Matcher[]): TenantShards {
  if (matchers.length === 0) return shards;
  const restricted: Pick<TenantShards, 'call' | 'maps'> = {
    maps: shards.maps,
    call: (shard, body, attemptsMax) => shards.call(shard, (stub) => body(restrictShard(stub, matchers)), attemptsMax),
  };
  // Asked once for as long as the caller keeps the shards, which is one request.
  let visible: ReadonlySet<string> | undefined;
  const names = async (): Promise<ReadonlySet<string>> => (visible ??= await visibleNames(restricted));
  return {
    tenant: shards.tenant,
    archive: shards.archive && { ...shards.archive, files: shards.archive.files.restrictedTo(matchers), warm: shards.archive.warm?.restrictedTo(matchers) },
    hasher: shards.hasher,
    secret: shards.secret,
    ...restricted,
    catalog: (body) => shards.catalog((stub) => body(restrictCatalog(stub, names))),
    renewed: async () => restrictShards(await shards.renewed(), matchers),
  };
}

/** Of the catalog a restricted reader gets the metadata of metrics whose series it may see: names and help texts tell much. */
function restrictCatalog(stub: CatalogApi, names: () => Promise<ReadonlySet<string>>): CatalogApi {
  const metadata: CatalogApi['metadata'] = async (request) => visibleMetadata(stub, request, await names());
  return refusingAll((name) => (name === 'metadata' ? metadata : undefined)) as CatalogApi;
}

function restrictShard(stub: ShardApi, matchers: readonly Matcher[]): ShardApi {
  return refusingAll((name) => (Object.hasOwn(RESTRICTED, name) ? RESTRICTED[name as keyof ShardApi]?.(stub, matchers) : undefined)) as ShardApi;
}

/** An object whose every method is refused but those that `allowed` gives. */
function refusingAll(allowed: (name: string) => unknown): object {
  const get = (_: object, name: string | symbol): unknown => allowed(String(name)) ?? (() => Promise.reject(refusal(String(name))));
  return new Proxy({}, { get });
}

function refusal(method: string): VarveError {
  return new VarveError('forbidden', `this key is restricted by label matchers, and ${method} cannot be restricted to the series that it may see`);
}

/** Times and segments are of everything that the shard holds, whoever's series it is: as if it held nothing. */
function withoutExtent(answer: CardinalityShardAnswer): CardinalityShardAnswer {
  return answer.status === 'refused' ? answer : { ...answer, minTimeMs: Infinity, maxTimeMs: -Infinity, segmentCount: 0 };
}

/** No selector means all series: then the matchers are the selector. */
function withMatchers<T extends Pick<LabelsShardRequest, 'selectors'>>(request: T, matchers: readonly Matcher[]): T {
  const selectors = request.selectors.length === 0 ? [matchers] : request.selectors.map((selector) => [...selector, ...matchers]);
  return { ...request, selectors };
}
