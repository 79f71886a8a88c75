import { childrenOf, type Expr, parseExpr, parseSyntax, typeOf } from '../../../promql/parser/index.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { metricOf, type World } from './script-worlds.ts';
import { callsLike, DURATIONS, labelText, NUMBERS, OPERATORS, STEPS } from './words.ts';
import { wrapped } from './wraps.ts';

const TRIES = 6;
const LENGTH_MAX = 400;
/** `@` names times so far in a world. */
const MOMENT_MS_MAX = 6_000_000;

/** A part of one of a world's queries, which may stand where another of its type stood. */
export interface Part {
  readonly text: string;
  readonly type: string;
}

/** Everything that queries are made of, and a world's metrics. */
export function partsOf(queries: readonly string[], world: World): Part[] {
  const metrics = new Set(world.series.map(metricOf).filter((metric) => metric !== ''));
  return [...queries.flatMap(partsOfQuery), ...[...metrics].map((metric) => ({ text: `{${JSON.stringify(metric)}}`, type: 'vector' }))];
}

/** Changes queries at random, with parts of others and the labels of a world. */
export class Mutations {
  readonly random: SeededRandom;
  readonly #world: World;
  readonly #parts: readonly Part[];

  constructor(random: SeededRandom, world: World, parts: readonly Part[]) {
    this.random = random;
    this.#world = world;
    this.#parts = parts;
  }

  /** The query with one thing changed, `times` over; each time still a query. What is none stays as it is. */
  mutated(query: string, times: number): string {
    let text = query;
    for (let count = 0; count < times && isQuery(text); count++) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const next = this.#changed(text);
        if (next.length > LENGTH_MAX || !isQuery(next)) continue;
        text = next;
        break;
      }
    }
    return text;
  }

  /** Something of the world that has a type. */
  part(type: string): string {
    const fitting = this.#parts.filter((part) => part.type === type);
    if (fitting.length > 0) return this.random.pick(fitting).text;
    return type === 'scalar' ? this.random.pick(NUMBERS) : type === 'string' ? '"a"' : 'vector(1)';
  }

  label(): string {
    const { labels } = this.random.pick(this.#world.series);
    return labels.length === 0 ? 'job' : labels[2 * this.random.below(labels.length / 2)]!;
  }

  labels(): string {
    return Array.from({ length: this.random.pick([0, 1, 1, 2]) }, () => labelText(this.label())).join(', ');
  }

  /** How two vectors find each other; the side of `fill_left` and `fill_right` has changed where `group_right` stands. */
  matching(): string {
    const { random } = this;
    if (random.oneIn(2)) return '';
    const group = random.oneIn(3) ? ` ${random.pick(['group_left', 'group_right'])} (${random.oneIn(2) ? '' : labelText(this.label())})` : '';
    const fill = random.oneIn(4) && !group.includes('right') ? ` ${random.pick(['fill', 'fill_left', 'fill_right'])} (${random.pick(['0', '1', 'NaN', '-5', 'Inf'])})` : '';
    return `${random.pick(['on', 'ignoring'])} (${this.labels()})${group}${fill}`;
  }

  #changed(text: string): string {
    const { random } = this;
    const expr = random.pick(allWithin(parseSyntax(text)));
    const { start, end } = expr.position;
    const own = text.slice(start, end);
    return text.slice(0, start) + this.#replacement(expr, own, (inner) => text.slice(inner.position.start, inner.position.end)) + text.slice(end);
  }

  #replacement(expr: Expr, own: string, textOf: (inner: Expr) => string): string {
    const { random } = this;
    const type = typeOf(expr);
    if (type !== 'string' && random.oneIn(3)) return wrapped(this, own, type);
    if (random.oneIn(8)) return this.part(type);
    switch (expr.kind) {
      case 'number':
        return random.pick(NUMBERS);
      case 'string':
        return random.pick([this.part('string'), '"x"', '""', '"__name__"']);
      case 'vector':
        return this.#selector(own);
      case 'matrix':
      case 'subquery':
        return this.#range(expr.kind === 'subquery', own);
      case 'aggregate': {
        const op = random.pick(['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar']);
        return expr.param === undefined ? op + own.slice(expr.op.length) : `${expr.op} (${textOf(expr.param)}, ${textOf(expr.expr)})`;
      }
      case 'binary': {
        const [left, right] = random.oneIn(3) ? [expr.rhs, expr.lhs] : [expr.lhs, expr.rhs];
        return `(${textOf(left)}) ${random.pick(OPERATORS)} ${expr.matching === undefined ? '' : this.matching()} (${textOf(right)})`;
      }
      case 'unary':
      case 'paren':
        return textOf(expr.expr);
      case 'call':
        return random.pick(callsLike(expr.name)) + own.slice(expr.name.length);
    }
  }

  #selector(own: string): string {
    const { random } = this;
    switch (random.below(5)) {
      case 0:
        return `${own} offset ${random.pick(['', '-'])}${random.pick(DURATIONS)}`;
      case 1:
        return `${own} @ ${this.#moment()}`;
      case 2:
        return `${own} ${random.pick(['smoothed', 'anchored', 'smoothed'])}`;
      case 3:
        return own.endsWith('}') ? `${own.slice(0, -1)}, ${labelText(this.label())}${random.pick(['=~".+"', '!=""', '=~"[a-m].*"', '!~"(?i)[A-M0-4].*"'])}}` : `${own}{}`;
      default:
        return this.part('vector');
    }
  }

  /** What `@` may name. */
  #moment(): string {
    const { zeroMs, endMs } = this.#world;
    const spanMs = Math.min(endMs - zeroMs, MOMENT_MS_MAX);
    return this.random.pick(['start()', 'end()', ((zeroMs + this.random.below(1 + spanMs / 1000) * 1000) / 1000).toFixed(3)]);
  }

  #range(isSubquery: boolean, own: string): string {
    const { random } = this;
    const brackets = /\[[^\]]*\](?=[^\]]*$)/.exec(own);
    if (brackets === null || random.oneIn(4)) return own + random.pick([' offset 1m', ' offset -30s', ` @ ${this.#moment()}`, ` @ ${this.#moment()} offset ${random.pick(['', '-'])}${random.pick(DURATIONS)}`, ' anchored', ' smoothed']);
    const range = `[${random.pick(DURATIONS)}${isSubquery ? `:${random.pick(STEPS)}` : ''}]`;
    return own.slice(0, brackets.index) + range + own.slice(brackets.index + brackets[0].length);
  }
}

function partsOfQuery(query: string): Part[] {
  if (!isQuery(query)) return [];
  return allWithin(parseSyntax(query)).map((expr) => ({ text: query.slice(expr.position.start, expr.position.end), type: typeOf(expr) }));
}

function isQuery(text: string): boolean {
  try {
    parseExpr(text);
    return true;
  } catch {
    return false;
  }
}

function allWithin(expr: Expr): Expr[] {
  return [expr, ...childrenOf(expr).flatMap(allWithin)];
}
