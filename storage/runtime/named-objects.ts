import { LIMITS } from './limits.ts';
import { LruCache } from './lru-cache.ts';

/**
 * Stubs of a namespace's objects by name. Ids are remembered, since deriving one takes a hash each time; stubs are not: one that has
 * failed is dead, so every call gets its own.
 */
export function namedObjects<T extends Rpc.DurableObjectBranded | undefined>(namespace: DurableObjectNamespace<T>): (name: string) => DurableObjectStub<T> {
  const ids = new LruCache<string, DurableObjectId>(LIMITS.objectIdsMax);
  return (name) => {
    let id = ids.get(name);
    if (id === undefined) {
      id = namespace.idFromName(name);
      ids.set(name, id, 1);
    }
    return namespace.get(id);
  };
}
