const SELECTORS = ['a_total', 'b', 'h', 'c_bucket', '{x="1"}', 'a_total{y!="1"}', '{__name__=~"a.*|h"}', 'missing'];
const VECTOR_FUNCTIONS = [
  'abs', 'ceil', 'sgn', 'sqrt', 'hour', 'histogram_count', 'histogram_sum', 'histogram_avg', 'histogram_stddev', 'timestamp', 'absent', 'ln', 'day_of_year',
];
const RANGE_FUNCTIONS = [
  'rate', 'increase', 'delta', 'irate', 'idelta', 'changes', 'resets', 'sum_over_time', 'avg_over_time', 'min_over_time', 'max_over_time', 'count_over_time',
  'last_over_time', 'first_over_time', 'present_over_time', 'absent_over_time', 'stddev_over_time', 'mad_over_time', 'ts_of_max_over_time', 'deriv',
];
const AGGREGATIONS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'];
// Not limitk: which series come first below it may differ between one step and many.
const PARAMETER_AGGREGATIONS = ['topk', 'bottomk', 'limit_ratio', 'quantile'];
const OPERATORS = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '> bool', '>=', '</', '>/'];
const SET_OPERATORS = ['and', 'or', 'unless'];
const GROUPINGS = ['', ' by (x)', ' without (y)', ' by (x, __name__)', ' by ()'];
const MATCHINGS = ['', ' on (x)', ' ignoring (y)', ' on (x) group_left', ' on () group_right', ' on (x) group_left (y)', ' ignoring (y, le) fill(1)'];
const DURATIONS = ['20s', '50s', '1m', '2m', '90s'];
const MODIFIERS = ['', '', '', ' offset 30s', ' @ 100', ' offset -20s', ' @ 60 offset 10s'];
/** `(_)` stands for the vector. */
const TEMPLATES = ['histogram_quantile(0.4, (_))', 'histogram_fraction(0, 2, (_))', 'clamp_max((_), 2)', 'count_values("v", (_))', 'round((_))'];
const NUMBERS = ['0', '1', '2.5', '-1', '0.5', 'NaN', 'Inf', '3'];

/** Makes random PromQL of limited depth: the same sequence for the same seed. */
export class RandomQuery {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): string {
    return this.#vector(3);
  }

  /** A linear congruential generator; its upper bits are random enough to choose by. */
  #below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  #pick(choices: readonly string[]): string {
    return choices[this.#below(choices.length)]!;
  }

  #selector(): string {
    return this.#pick(SELECTORS);
  }

  #range(depth: number): string {
    if (depth > 0 && this.#below(4) === 0) return `(${this.#vector(depth - 1)})[${this.#pick(DURATIONS)}:${this.#pick(['10s', '30s'])}]${this.#pick(MODIFIERS)}`;
    return `${this.#selector()}[${this.#pick(DURATIONS)}]${this.#pick(MODIFIERS)}`;
  }

  #scalar(depth: number): string {
    switch (this.#below(5)) {
      case 0:
        return depth > 0 ? `scalar(${this.#vector(depth - 1)})` : '1';
      case 1:
        return 'time()';
      case 2:
        return `(${this.#pick(NUMBERS)} ${this.#pick(['+', '*', '%', '^'])} ${this.#pick(NUMBERS)})`;
      default:
        return this.#pick(NUMBERS);
    }
  }

  #vector(depth: number): string {
    if (depth === 0) return `${this.#selector()}${this.#pick(MODIFIERS)}`;
    const inner = (): string => this.#vector(depth - 1);
    switch (this.#below(14)) {
      case 0:
        return `${this.#pick(VECTOR_FUNCTIONS)}(${inner()})`;
      case 1:
      case 2:
        return `${this.#pick(RANGE_FUNCTIONS)}(${this.#range(depth)})`;
      case 3:
        return `${this.#pick(['rate', 'increase', 'delta'])}(${this.#selector()}[${this.#pick(DURATIONS)}] ${this.#pick(['smoothed', 'anchored'])})`;
      case 4:
        return `${this.#pick(AGGREGATIONS)}${this.#pick(GROUPINGS)} (${inner()})`;
      case 5:
        return `${this.#pick(PARAMETER_AGGREGATIONS)}${this.#pick(GROUPINGS)} (${this.#scalar(depth - 1)}, ${inner()})`;
      case 6:
        return `(${inner()}) ${this.#pick(OPERATORS)}${this.#pick(MATCHINGS)} (${inner()})`;
      case 7:
        return `(${inner()}) ${this.#pick(SET_OPERATORS)}${this.#pick(['', ' on (x)', ' ignoring (y)'])} (${inner()})`;
      case 8:
        return `(${inner()}) ${this.#pick(OPERATORS)} ${this.#scalar(depth - 1)}`;
      case 9:
        return `${this.#scalar(depth - 1)} ${this.#pick(OPERATORS)} (${inner()})`;
      case 10:
        return `-(${inner()})`;
      case 11:
        return `label_replace(${inner()}, "${this.#pick(['y', '__name__', 'z'])}", "$1-", "x", "(.*)")`;
      case 12:
        return this.#pick(TEMPLATES).replace('(_)', () => `(${inner()})`);
      default:
        return `quantile_over_time(${this.#scalar(depth - 1)}, ${this.#range(depth)})`;
    }
  }
}
