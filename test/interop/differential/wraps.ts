import type { Mutations } from './mutations.ts';
import { callsLike, DURATIONS, labelText, NUMBERS, OPERATORS, STEPS } from './words.ts';

const OF_SCALARS = OPERATORS.filter((operator) => !['and', 'or', 'unless'].includes(operator));
const OF_VECTORS = [...callsLike('abs'), 'round'];
const OF_RANGES = callsLike('rate');

/** An expression with something around it that takes its type. */
export function wrapped(mutations: Mutations, text: string, type: string): string {
  const { random } = mutations;
  const number = (): string => random.pick(NUMBERS);
  switch (type) {
    case 'scalar':
      return random.pick([`vector(${text})`, `(${text} ${random.pick(['+', '-', '*', '/', '%', '^'])} ${number()})`, `-(${text})`, `min_of(${text}, ${number()})`]);
    case 'matrix':
      if (!random.oneIn(5)) return `${random.pick(OF_RANGES)}(${text})`;
      return random.pick([`quantile_over_time(${number()}, ${text})`, `predict_linear(${text}, ${number()})`, `double_exponential_smoothing(${text}, 0.3, 0.6)`]);
    case 'vector':
      return aroundVector(mutations, text);
    default:
      return text;
  }
}

function aroundVector(mutations: Mutations, text: string): string {
  const { random } = mutations;
  const number = (): string => random.pick(NUMBERS);
  const label = (): string => JSON.stringify(mutations.label());
  switch (random.below(13)) {
    case 0:
    case 1:
      return `${random.pick(OF_VECTORS)}(${text})`;
    case 2:
    case 3:
      return aggregated(mutations, text);
    case 4:
    case 5:
      return `(${text}) ${random.pick(OPERATORS)} ${mutations.matching()} (${mutations.part('vector')})`;
    case 6:
      return `(${text}) ${random.pick(OF_SCALARS)} ${number()}`;
    case 7:
      return `${number()} ${random.pick(OF_SCALARS)} (${text})`;
    case 8:
      return `-(${text})`;
    case 9:
      return `histogram_quantile(${number()}, ${text})`;
    case 10:
      return random.pick([
        `histogram_fraction(${number()}, ${number()}, ${text})`, `histogram_quantiles(${text}, "q", ${number()}, 0.5)`, `clamp(${text}, ${number()}, ${number()})`, `round(${text}, ${number()})`,
        `clamp_min(${text}, ${number()})`,
      ]);
    case 11:
      return `${random.pick(OF_RANGES)}((${text})[${random.pick(DURATIONS)}:${random.pick(STEPS)}])`;
    default: {
      const [target, replacement, pattern] = [random.pick(['"x"', '"__name__"', label()]), random.pick(['$1', 'a', '', '$1-$2', '${n}', '$$']), random.pick(['(.*)', '.*', '(.)(.*)', '(?P<n>.+)', 'x', ''])];
      return random.pick([
        `label_replace(${text}, ${target}, "${replacement}", ${label()}, "${pattern}")`, `label_join(${text}, ${target}, "-", ${label()}, ${label()})`, `info(${text})`, `info(${text}, {${labelText(mutations.label())}=~".*"})`,
        `info(${text}, {__name__=~${random.pick(['".+_info"', '".+"'])}})`, `${random.pick(['sort_by_label', 'sort_by_label_desc'])}(${text}, ${label()})`, `${random.pick(['sort', 'sort_desc'])}(${text})`,
        `absent(${text})`, `scalar(${text})`,
      ]);
    }
  }
}

/** Not `limitk`: which series it takes hangs on their order in storage. */
function aggregated(mutations: Mutations, text: string): string {
  const { random } = mutations;
  const grouping = random.pick(['', ` by (${mutations.labels()})`, ` without (${mutations.labels()})`]);
  if (random.oneIn(12)) return `count_values${grouping} (${JSON.stringify(random.pick(['x', 'le', 'job', '__name__', 'a b', mutations.label()]))}, ${text})`;
  if (random.oneIn(4)) return `${random.pick(['topk', 'bottomk', 'quantile', 'limit_ratio'])}${grouping} (${random.pick(NUMBERS)}, ${text})`;
  return `${random.pick(['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'])}${grouping} (${text})`;
}
