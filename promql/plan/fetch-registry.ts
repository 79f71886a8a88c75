import type { Matcher } from '../../storage/model/matcher.ts';
import type { WindowHint } from '../series-source.ts';
import type { Fetch, FetchIndex } from './plan-node.ts';

interface OpenFetch {
  readonly matchers: readonly Matcher[];
  startMs: number;
  endMs: number;
  consumerCount: number;
  windows: readonly WindowHint[] | undefined;
}

/**
 * The reads of a query. Selectors with the same matchers whose time ranges touch become one read of both ranges, so that
 * `rate(x[5m]) / rate(x[1h])` goes to the source once; operators take from it what lies in their windows.
 */
export class FetchRegistry {
  readonly #fetches: OpenFetch[] = [];
  readonly #byMatchers = new Map<string, FetchIndex[]>();

  /**
   * `window` is what is made of the samples, if it is nothing but figures of windows. `@ 1e18` and its like are beyond what numbers hold
   * exactly, and beyond every sample: there a read ends, or begins, at the last time that has its own number.
   */
  add(matchers: readonly Matcher[], fromMs: number, toMs: number, windowHint?: WindowHint): FetchIndex {
    const [startMs, endMs] = [timeInBounds(fromMs), timeInBounds(toMs)];
    const window = startMs === fromMs && endMs === toMs ? windowHint : undefined;
    const key = matchersKey(matchers);
    const known = this.#byMatchers.get(key) ?? [];
    for (const index of known) {
      const fetch = this.#fetches[index]!;
      if (startMs > fetch.endMs || endMs < fetch.startMs) continue;
      fetch.startMs = Math.min(fetch.startMs, startMs);
      fetch.endMs = Math.max(fetch.endMs, endMs);
      fetch.consumerCount++;
      fetch.windows = fetch.windows === undefined || window === undefined ? undefined : [...fetch.windows, window];
      return index;
    }
    const index = this.#fetches.push({ matchers, startMs, endMs, consumerCount: 1, windows: window && [window] }) - 1;
    this.#byMatchers.set(key, [...known, index]);
    return index;
  }

  all(): readonly Fetch[] {
    return this.#fetches;
  }
}

function timeInBounds(timeMs: number): number {
  return Math.min(Math.max(timeMs, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function matchersKey(matchers: readonly Matcher[]): string {
  // Lengths are part of it, so that no value can imitate a separator.
  const keys = matchers.map(({ name, type, value }) => `${type} ${name.length}:${name}${value.length}:${value}`);
  return keys.sort().join();
}
