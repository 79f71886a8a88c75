import { FUNCTION_SIGNATURES, type FunctionSignature } from '../../../promql/parser/index.ts';

const NAMES = ['a', 'b_total', 'job:c:rate5m', 'sum', 'by', 'start', 'fill', 'anchored'];
const LABELS = ['x', '__name__', 'by', 'group_left', 'le', 'offset', '"a.b"', '"é"'];
const STRINGS = ['"v"', "'v'", '`v`', '""', '"\\n\\x41\\u00e9"', "'it\\'s'", '`\\`', '"a{b}[c]#"'];
/** Without Inf, which prints as +Inf: below `^` that is read as a sign and a number. */
const NUMBERS = ['1', '.5', '1.5e3', '0x1F', '1_000', '1e-9', 'NaN', '5m', '1h30m', '1d'];
const DURATIONS = ['5m', '1h30m', '90', '1.5', '500ms', '(1m+30s)', '5m*2', 'step()', '(step()*2)', '1m-30', 'range()', '2^3'];
/** None that begins with a parenthesis or two signs: those go on until no operator of durations follows. */
const OFFSETS = ['5m', '-1h', '90', 'step()', '-(5m)', 'min_of(1m, 90)'];
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '>', '>=', '</', '>/'];
const SETS = ['and', 'or', 'unless', 'OR'];
const AGGREGATIONS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'SUM'];
const WITH_SCALAR = ['topk', 'bottomk', 'quantile', 'limitk', 'limit_ratio'];
/** Constructed texts of durations, or with arguments of a kind of their own. */
const LEFT_OUT = new Set(['info', 'min_of', 'max_of', 'step', 'range']);
const FUNCTIONS = Object.entries(FUNCTION_SIGNATURES as Record<string, FunctionSignature>).filter(([name]) => !LEFT_OUT.has(name));

/** Well-typed queries made from the grammar alone, of all that 3.14 can write. Vectors stand beside each other without parentheses, so that operators must bind them; scalars have some. */
export class RandomSyntax {
  readonly #below: (bound: number) => number;

  constructor(below: (bound: number) => number) {
    this.#below = below;
  }

  vector(depth: number): string {
    if (depth <= 0) return this.#selector() + this.#modifiers();
    switch (this.#below(9)) {
      case 0:
        return this.#call('vector', depth);
      case 1:
        return this.#aggregation(depth);
      case 2:
        return `(${this.vector(depth - 1)})`;
      case 3:
        return `(${this.#pick(['-', '+', '- '])}${this.#operand(depth - 1)})`;
      case 4:
        return `${this.vector(depth - 1)} ${this.#pick(SETS)}${this.#pick(['', ' on ()', ' ignoring (x, y)', ' on (x,)'])} ${this.vector(depth - 1)}`;
      case 5:
        return `(${this.vector(depth - 1)} ${this.#pick(ARITHMETIC)} ${this.#scalar(depth - 1)})`;
      case 6:
        return `(${this.#scalar(depth - 1)} ${this.#pick(ARITHMETIC)} ${this.#operand(depth - 1)})`;
      default:
        return `${this.vector(depth - 1)}${this.#pick([' ', '\n', ' # why\n'])}${this.#arithmetic()} ${this.vector(depth - 1)}`;
    }
  }

  #arithmetic(): string {
    const operator = this.#pick(ARITHMETIC);
    const bool = /[=<>]$/.test(operator) && this.#below(3) === 0 ? ' bool' : '';
    if (this.#below(2) === 0) return operator + bool;
    const labels = Array.from({ length: this.#below(3) }, () => this.#pick(LABELS.slice(0, 5))).join(', ');
    const on = this.#pick(['on', 'ignoring', 'ON']);
    // With its parentheses, as those of an operand behind it would be taken for them.
    const group = this.#pick(['', '', ' group_left ()', ' GROUP_RIGHT ()', on === 'ignoring' ? ' group_left (q)' : ' group_right (q, r)']);
    const fill = this.#pick(['', '', '', ' fill (0)', ' fill_left (-1)', ' fill_right (NaN)', ' fill_left (1) fill_right (2)']);
    return `${operator}${bool} ${on} (${labels})${group}${fill}`;
  }

  #scalar(depth: number): string {
    if (depth <= 0) return this.#pick(NUMBERS);
    switch (this.#below(5)) {
      case 0:
        return `scalar(${this.vector(depth - 1)})`;
      case 1:
        return `(${this.#scalar(depth - 1)} ${this.#pick(ARITHMETIC.slice(0, 7))} ${this.#scalar(depth - 1)})`;
      case 2:
        return `(${this.#scalar(depth - 1)} ${this.#pick(['==', '<', '>='])} bool ${this.#scalar(depth - 1)})`;
      case 3:
        return this.#call('scalar', depth);
      default:
        return this.#pick(NUMBERS);
    }
  }

  #matrix(depth: number): string {
    const isSubquery = depth > 1 && this.#below(3) === 0;
    if (isSubquery) return `${this.#operand(depth - 1)}[${this.#pick(DURATIONS)}:${this.#pick(['', ...DURATIONS])}]${this.#modifiers()}`;
    return `${this.#selector()}[${this.#pick(DURATIONS)}]${this.#pick(['', '', '', ' anchored', ' smoothed'])}${this.#modifiers()}`;
  }

  /** Something that binds as closely as can be. */
  #operand(depth: number): string {
    return this.#pick([this.#selector(), `(${this.vector(depth)})`, this.#call('vector', depth), this.#aggregation(depth)]);
  }

  #call(returnType: 'vector' | 'scalar', depth: number): string {
    const candidates = FUNCTIONS.filter(([, signature]) => signature.returnType === returnType);
    const [name, { argTypes, variadic }] = candidates[this.#below(candidates.length)]!;
    const last = argTypes.at(-1);
    const repeated = variadic === 0 || last === undefined ? [] : Array.from({ length: this.#below(Math.max(1, Math.min(2, variadic))) }, () => last);
    return `${name}(${[...argTypes, ...repeated].map((type) => this.#argument(type, depth - 1)).join(', ')})`;
  }

  #argument(type: string, depth: number): string {
    if (type === 'string') return this.#pick(STRINGS);
    if (type === 'scalar') return this.#scalar(Math.min(depth, 1));
    return type === 'matrix' ? this.#matrix(depth) : this.vector(depth);
  }

  #aggregation(depth: number): string {
    const param = this.#pick(['', '', `${this.#scalar(0)}, `, '"l", ']);
    const name = param === '' ? this.#pick(AGGREGATIONS) : param === '"l", ' ? 'count_values' : this.#pick(WITH_SCALAR);
    const body = `(${param}${this.vector(depth - 1)})`;
    const grouping = ` ${this.#pick(['by', 'without', 'BY'])} (${Array.from({ length: this.#below(3) }, () => this.#pick(LABELS)).join(',')})`;
    return this.#pick([`${name}${body}`, `${name}${grouping} ${body}`, `${name} ${body}${grouping}`]);
  }

  #selector(): string {
    const matchers = Array.from({ length: this.#below(3) }, () => `${this.#pick(LABELS)}${this.#pick(['=', '!=', '=~', '!~'])}${this.#pick(STRINGS.slice(0, 4))}`);
    const name = this.#pick(NAMES);
    if (this.#below(6) === 0) return `{${["\"metric.é\"", ...matchers.filter((matcher) => !matcher.startsWith('__name__'))].join(', ')}}`;
    return matchers.length === 0 ? name : `${name}{${matchers.filter((matcher) => !matcher.startsWith('__name__')).join(',')}}`;
  }

  #modifiers(): string {
    const offset = ` offset ${this.#pick(OFFSETS)}`;
    const at = ` @ ${this.#pick(['100', '1.5e3', '-1', 'start()', 'end()'])}`;
    return this.#pick(['', '', '', '', offset, at, at + offset, offset + at]);
  }

  #pick(choices: readonly string[]): string {
    return choices[this.#below(choices.length)]!;
  }
}
