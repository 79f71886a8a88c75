import { LIMITS } from '../runtime/limits.ts';

/** Runs `each` for all items, a few at a time; the answers are in their order. */
export async function inTurns<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += LIMITS.objectRequestsAtOnceMax) results.push(...(await Promise.all(items.slice(start, start + LIMITS.objectRequestsAtOnceMax).map(each))));
  return results;
}
