import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { BUCKET_BOUNDS, FAMILIES, familiesOf, type Family, type FamilyKind } from './families.ts';
import { type Fragment, fragment } from './fragment.ts';
import { type HistogramFamily, histogramFamiliesOf } from './histogram-families.ts';
import { type DataTimes, type Dialect, evaluationTime, type Lattice, LATTICES } from './timing.ts';

const RANGES_MS = [10_000, 30_000, 45_000, 60_000, 90_000, 150_000, 300_000, 600_000, 1_260_000];
const OFFSETS_MS = [1_000, 7_500, 15_000, 60_000, 300_000, 900_000, -5_000, -30_000, -180_000];
const SUBQUERY_STEPS_MS = [10_000, 15_000, 30_000, 60_000, 120_000];

/** A selector without its range, and what stands behind the range. */
export interface Selector extends Fragment {
  readonly family: Family | undefined;
  /** Only counters can match. */
  readonly isCounter: boolean;
  readonly modifiers: string;
}

/** Random series selectors and the time modifiers behind them. */
export class SelectorGrammar {
  readonly #random: SeededRandom;
  readonly #times: DataTimes;
  readonly #dialect: Dialect;
  readonly #lattice: Lattice;

  constructor(random: SeededRandom, times: DataTimes, dialect: Dialect) {
    this.#random = random;
    this.#times = times;
    this.#dialect = dialect;
    this.#lattice = LATTICES[dialect];
  }

  /** Any selector, now and then of something that is not there; `kinds` narrows the families. */
  selector(kinds: readonly FamilyKind[] = ['counter', 'gauge', 'histogram'], isDyadic = false): Selector {
    const random = this.#random;
    if (this.#dialect !== 'old' && !isDyadic && random.oneIn(6)) return this.native();
    const families = familiesOf(this.#dialect).filter((family) => kinds.includes(family.kind) && (family.isDyadic || !isDyadic));
    const family = random.pick(families);
    const isWild = random.oneIn(14);
    const labels = { ...family.labels };
    let name = family.name;
    if (family.kind === 'histogram') {
      name += random.pick(['_bucket', '_bucket', '_count', '_sum']);
      if (name.endsWith('_bucket')) labels['le'] = BUCKET_BOUNDS;
    }
    const matchers = this.#matchers(labels);
    const text = isWild ? this.#wild(name, matchers) : this.#named(name, matchers);
    const isCounter = !isWild && family.kind !== 'gauge';
    const precision = isWild || !family.isDyadic ? 'identical' : 'dyadic';
    return { ...fragment(text, Object.keys(labels), precision), family: isWild ? undefined : family, isCounter, modifiers: this.timeModifiers() };
  }

  /** Native histograms, of one family or of all. */
  native(): Selector {
    const random = this.#random;
    const family: HistogramFamily = random.pick(histogramFamiliesOf(this.#dialect));
    const matchers = this.#matchers(family.labels);
    const text = random.oneIn(12) ? `{${['__name__=~"native_.*"', ...matchers].join(',')}}` : this.#named(family.name, matchers);
    return { ...fragment(text, Object.keys(family.labels), 'identical'), family: undefined, isCounter: !family.isGauge, modifiers: this.timeModifiers() };
  }

  /** All buckets of the histograms of a family, with its other labels. */
  buckets(): Selector {
    const family = this.#random.pick(FAMILIES.filter(({ kind }) => kind === 'histogram'));
    const text = this.#named(`${family.name}_bucket`, this.#matchers(family.labels));
    return { ...fragment(text, [...Object.keys(family.labels), 'le'], 'dyadic'), family, isCounter: true, modifiers: this.timeModifiers() };
  }

  /** Nothing, mostly; else `offset`, `@`, or both in either order. */
  timeModifiers(): string {
    const random = this.#random;
    const offset = random.oneIn(7) ? ` offset ${this.#signedDuration(random.pick(OFFSETS_MS))}` : '';
    const at = random.oneIn(9) ? ` @ ${this.#at()}` : '';
    return random.oneIn(2) ? offset + at : at + offset;
  }

  range(): string {
    return `[${this.#written(this.#random.pick(RANGES_MS))}]`;
  }

  subqueryRange(): string {
    const random = this.#random;
    const range = random.pick(RANGES_MS.slice(1)) + this.#lattice.subqueryRangePhaseMs;
    const step = random.oneIn(4) ? '' : this.#written(random.pick(SUBQUERY_STEPS_MS));
    return `[${this.#written(range)}:${step}]${this.timeModifiers()}`;
  }

  #at(): string {
    const random = this.#random;
    if (random.oneIn(3)) return random.pick(['start()', 'end()']);
    const { startMs, endMs } = this.#times;
    return (evaluationTime(random.between(startMs, endMs), this.#lattice) / 1000).toFixed(3);
  }

  /** A duration that takes the query's own step and range in. */
  #ofQuery(text: string): string {
    const random = this.#random;
    return random.pick([
      `min_of(${text}, range() + 1m)`, `max_of(step(), ${text})`, `(${text} + step())`, `(step() * 2 + ${text})`, `MAX_OF(range() / 4, ${text})`, 'step()', `(range() % ${text} + 1s)`,
    ]);
  }

  #signedDuration(durationMs: number): string {
    if (this.#dialect === 'current' && this.#random.oneIn(8)) return this.#random.pick(['', '-']) + this.#ofQuery(duration(Math.abs(durationMs)));
    return durationMs < 0 ? `-${duration(-durationMs)}` : duration(durationMs);
  }

  /** As a duration, or, where the server takes it, as a number of seconds or an expression. */
  #written(durationMs: number): string {
    const random = this.#random;
    if (this.#dialect === 'old' || !random.oneIn(8)) return duration(durationMs);
    if (this.#dialect === 'current' && random.oneIn(3)) return this.#ofQuery(duration(durationMs));
    const [half, number] = [duration(durationMs / 2), durationMs / 1000];
    return random.pick([String(number), `(${half} + ${half})`, `(${half} * 2)`, `(${duration(durationMs * 3)} / 3)`, `(${number + 5} - 5s)`, `(-(-${number}))`, `(2^1 * ${half})`, `(${number} % 1e6)`]);
  }

  #named(name: string, matchers: readonly string[]): string {
    const random = this.#random;
    if (random.oneIn(10)) return `{${random.shuffle([this.#dialect !== 'old' && random.oneIn(2) ? `"${name}"` : `__name__="${name}"`, ...matchers]).join(',')}}`;
    if (matchers.length === 0) return random.oneIn(20) ? `${name}{}` : name;
    return `${name}{${matchers.join(random.pick([',', ', ']))}${random.oneIn(12) ? ',' : ''}}`;
  }

  /** Absent metrics, several metrics, or everything with some label. */
  #wild(name: string, matchers: readonly string[]): string {
    const random = this.#random;
    const other = random.pick(FAMILIES).name;
    const list = (...more: readonly string[]): string => `{${[...more, ...matchers].join(',')}}`;
    switch (random.below(6)) {
      case 0:
        return matchers.length === 0 ? 'missing_metric' : `missing_metric${list()}`;
      case 1:
        return list(`__name__=~"${name}|${other}"`);
      case 2:
        return list(`__name__=~"${name.slice(0, 4)}.*"`);
      case 3:
        return list('job="api"', `__name__!~"${name}|.*_bucket"`);
      case 4:
        return `${name}${list('job="nobody"')}`;
      default:
        return list('zone!=""');
    }
  }

  #matchers(labels: Family['labels']): string[] {
    const random = this.#random;
    const count = random.pick([0, 0, 1, 1, 1, 2]);
    return random.shuffle(Object.entries(labels)).slice(0, count).map(([name, values]) => this.#matcher(name, values));
  }

  #matcher(name: string, values: readonly string[]): string {
    const random = this.#random;
    const value = random.pick(values);
    const pattern = value.replace(/[.+?*()[\]{}|^$\\]/g, '\\\\$&');
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return `${name}="${value}"`;
      case 4:
        return `${name}!="${value}"`;
      case 5:
        return `${name}=~"${pattern}|${random.pick(values)}|other"`;
      case 6:
        return `${name}=~"${pattern.slice(0, 1) === '\\' ? '' : pattern.slice(0, 1)}.*"`;
      case 7:
        return `${name}!~"${pattern}|.*x.*"`;
      case 8:
        return `${name}=~".+"`;
      case 9:
        return `${name}!~".+"`;
      case 10:
        return `absent_label${random.pick(['=""', '!="x"', '=~"|x"', '!~"y.*"'])}`;
      case 11:
        return `${name}=~"(?i:${pattern.toUpperCase()})"`;
      case 12:
        return `${name}=~"[a-c/0-9].*"`;
      default:
        return `${name}!~"nothing.*"`;
    }
  }
}

/** As people write it: `1m30s`, not `90000ms`. */
function duration(durationMs: number): string {
  const units = [['h', 3_600_000], ['m', 60_000], ['s', 1_000], ['ms', 1]] as const;
  let rest = durationMs;
  let text = '';
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}
