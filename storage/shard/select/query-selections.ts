import { LruCache } from '../../runtime/lru-cache.ts';
import type { SeriesRegistry } from '../index/series-registry.ts';
import type { SelectShardRequest } from '../shard-api.ts';
import { SelectionWork } from './selection-work.ts';

/** Queries whose work is remembered, some 100 bytes each: far more than a tenant may have under way. */
const QUERIES_MAX = 1024;
/** Refs that are kept between pages, of 8 bytes: two selections of all series that a shard may have. */
const REFS_MAX = 300_000;

type Selection = Pick<SelectShardRequest, 'query' | 'matchers'>;

/**
 * The series that queries select, from page to page: finding them again for each page would be most of what a small page of many series takes.
 * And the work that it was, which counts over all selectors and pages of a query. What has been forgotten is found again, and counts again.
 */
export class QuerySelections {
  readonly #works = new LruCache<string, SelectionWork>(QUERIES_MAX);
  /** And the registry's generation, in which they mean these series. */
  readonly #refs = new LruCache<string, { readonly generation: number; readonly refs: readonly number[] }>(REFS_MAX);

  /** In the order of their labels. Series that have come since the query's first page are not among them. Throws a limit error. */
  refs({ index, generation }: Pick<SeriesRegistry, 'index' | 'generation'>, { query, matchers }: Selection): readonly number[] {
    if (query === undefined) return index.sortByLabels(index.select(matchers));
    const key = keyOf(query, matchers);
    const known = this.#refs.get(key);
    if (known?.generation === generation) return known.refs;
    const refs = index.sortByLabels(index.select(matchers, this.#workOf(query)));
    this.#refs.set(key, { generation, refs }, refs.length + 1);
    return refs;
  }

  /** The query has its last page of these. */
  forget({ query, matchers }: Selection): void {
    if (query !== undefined) this.#refs.delete(keyOf(query, matchers));
  }

  #workOf(query: string): SelectionWork {
    let work = this.#works.get(query);
    if (work === undefined) this.#works.set(query, (work = new SelectionWork()), 1);
    return work;
  }
}

function keyOf(query: string, matchers: SelectShardRequest['matchers']): string {
  return `${query} ${JSON.stringify(matchers)}`;
}
