import { parseExpr, type Expr } from '../promql/parser/index.ts';
import { LruCache } from '../storage/runtime/lru-cache.ts';
import { LIMITS } from '../storage/runtime/limits.ts';

/** Trees of queries that came lately: dashboards and rules ask the same ones for ever, and reading a query is a fifth of what a small one costs. */
export class ParsedQueries {
  readonly #trees = new LruCache<string, Expr>(LIMITS.parsedQueryCharactersMax);

  /** The tree, which is nobody's to change. Throws what the parser throws, which is not remembered. */
  parse(query: string): Expr {
    let tree = this.#trees.get(query);
    if (tree === undefined) {
      tree = parseExpr(query);
      this.#trees.set(query, tree, query.length);
    }
    return tree;
  }
}
