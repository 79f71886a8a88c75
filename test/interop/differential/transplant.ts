import { type Expr, parseSyntax, printExpression, type VectorSelector } from '../../../promql/parser/index.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { metricOf, type World } from './script-worlds.ts';

/** The query about the metrics and labels of another world: what one script does with its data, done with those of another. */
export function transplanted(random: SeededRandom, query: string, world: World): string {
  let tree: Expr;
  try {
    tree = parseSyntax(query);
  } catch {
    return query;
  }
  return printExpression(new Transplant(random, world).changed(tree));
}

/** A world's metrics, each as it is: what can be asked where its script asks nothing. */
export function plainQueries(world: World): string[] {
  return metricsOf(world).filter((metric) => metric !== '').map((metric) => `{${JSON.stringify(metric)}}`);
}

function metricsOf({ series }: World): string[] {
  return [...new Set(series.map(metricOf))];
}

class Transplant {
  readonly #random: SeededRandom;
  readonly #world: World;
  readonly #metrics: readonly string[];
  /** Other than the metric's name; never empty. */
  readonly #labels: readonly string[];

  constructor(random: SeededRandom, world: World) {
    this.#random = random;
    this.#world = world;
    this.#metrics = metricsOf(world);
    this.#labels = ['job', ...new Set(world.series.flatMap(({ labels }) => labels.filter((name, index) => index % 2 === 0 && name !== '__name__')))];
  }

  changed(expr: Expr): Expr {
    switch (expr.kind) {
      case 'number':
      case 'string':
        return expr;
      case 'vector':
        return this.#selector(expr);
      case 'matrix':
        return { ...expr, selector: this.#selector(expr.selector) };
      case 'subquery':
      case 'unary':
      case 'paren':
        return { ...expr, expr: this.changed(expr.expr) };
      case 'aggregate':
        return { ...expr, expr: this.changed(expr.expr), param: expr.param && this.changed(expr.param), grouping: expr.grouping.map(() => this.#anyLabel()) };
      case 'binary': {
        const matching = expr.matching && { ...expr.matching, labels: expr.matching.labels.map(() => this.#anyLabel()) };
        return { ...expr, lhs: this.changed(expr.lhs), rhs: this.changed(expr.rhs), matching };
      }
      case 'call':
        return { ...expr, args: expr.args.map((arg, index) => (expr.name === 'info' && index === 1 && arg.kind === 'vector' ? this.#infoSelector(arg) : this.changed(arg))) };
    }
  }

  /** Mostly of all series of a metric, else of some; the modifiers stay. */
  #selector(selector: VectorSelector): VectorSelector {
    const random = this.#random;
    const metric = random.pick(this.#metrics);
    const { labels } = random.pick(this.#world.series.filter((series) => metricOf(series) === metric));
    const at = 2 * random.below(labels.length / 2);
    const some = random.oneIn(3) && labels[at] !== '__name__' ? [{ name: labels[at]!, type: random.pick(['=', '!='] as const), value: labels[at + 1]! }] : [];
    return { ...selector, name: undefined, matchers: [...some, { name: '__name__', type: '=', value: metric }] };
  }

  #infoSelector(selector: VectorSelector): VectorSelector {
    const random = this.#random;
    const label = { name: random.pick(this.#labels), type: '=~', value: random.pick(['.+', '.*', '.']) } as const;
    const metric = { name: '__name__', type: '=~', value: random.pick(['.+_info', ...this.#metrics]) } as const;
    return { ...selector, name: undefined, matchers: random.pick([[label], [metric], [label, metric]]) };
  }

  #anyLabel(): string {
    return this.#random.pick(['__name__', ...this.#labels]);
  }
}
