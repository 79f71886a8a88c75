import type { OtlpTranslation } from '../../storage/runtime/otlp-options.ts';

/**
 * OpenTelemetry's names in Prometheus' terms, by the rules of "Prometheus and OpenMetrics Compatibility" in the OpenTelemetry
 * specification and as Prometheus applies them. `undefined` from any of these means that nothing is left that could be a name.
 */
export interface OtlpNaming {
  /** Whether characters outside the classic alphabets become `_`. */
  readonly isEscaping: boolean;
  /** Whether units and types are appended to metric names. */
  readonly hasSuffixes: boolean;
}

export const NAMING: Readonly<Record<OtlpTranslation, OtlpNaming>> = {
  UnderscoreEscapingWithSuffixes: { isEscaping: true, hasSuffixes: true },
  UnderscoreEscapingWithoutSuffixes: { isEscaping: true, hasSuffixes: false },
  NoUTF8EscapingWithSuffixes: { isEscaping: false, hasSuffixes: true },
  NoTranslation: { isEscaping: false, hasSuffixes: false },
};

/** What of a metric's kind shows in its name. */
export type NamedKind = 'gauge' | 'monotonic-sum' | 'other';

/** UCUM units, as OpenTelemetry writes them, to the words that Prometheus uses. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['1', ''],
  ['%', 'percent'],
]);

/** What may stand below the stroke of a unit, in the singular. */
const PER_UNITS: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
]);

interface UnitWords {
  readonly main: string;
  /** With `per_` in front. */
  readonly per: string;
}

export function metricName(name: string, unit: string, kind: NamedKind, naming: OtlpNaming): string | undefined {
  if (name === '') return undefined;
  if (!naming.isEscaping) return naming.hasSuffixes ? withSuffixes(name, unit, kind) : name;
  const escaped = naming.hasSuffixes ? joinedTokens(name, unit, kind) : nonEmpty(name.split(/[^a-zA-Z0-9:_]+/)).join('_');
  const named = startsWithDigit(escaped) ? `_${escaped}` : escaped;
  return named === '' || (named !== name && isUnderscores(named)) ? undefined : named;
}

/** The name of a label for an attribute. Reserved names in double underscores stay as they are. */
export function labelName(attribute: string, naming: OtlpNaming): string | undefined {
  if (attribute === '') return undefined;
  if (!naming.isEscaping) return attribute;
  const escaped = attribute.replace(/[^a-zA-Z0-9_]/gu, '_');
  if (startsWithDigit(escaped)) return `key_${escaped}`;
  if (escaped.startsWith('_') && !escaped.startsWith('__')) return `key${escaped}`;
  return isUnderscores(escaped) ? undefined : escaped;
}

/** The unit as metadata has it. */
export function unitName(unit: string, { isEscaping }: OtlpNaming): string {
  const words = unitWords(unit);
  const clean = (word: string): string => (isEscaping ? cleanUnit(word) : word);
  const name = nonEmpty([clean(words.main), clean(words.per)]).join('_');
  return name.replace(/^_/, '').replace(/_$/, '');
}

/** Words of the name and the unit, each unit once; `total` and `ratio` move to the end. */
function joinedTokens(name: string, unit: string, kind: NamedKind): string {
  const tokens = nonEmpty(name.split(/[^a-zA-Z0-9:]+/));
  const words = unitWords(unit);
  let main = cleanUnit(words.main);
  let per = cleanUnit(words.per);
  if (tokens.includes(main)) main = '';
  per = per === 'per_' ? '' : per.replace(/_$/, '');
  if (tokens.includes(per)) per = '';
  if (per !== '') main = main.replace(/_$/, '');
  tokens.push(...nonEmpty([main, per]));
  if (kind === 'monotonic-sum') return [...tokens.filter((token) => token !== 'total'), 'total'].join('_');
  if (isRatio(unit, kind)) return [...tokens.filter((token) => token !== 'ratio'), 'ratio'].join('_');
  return tokens.join('_');
}

/** The same on a name that keeps its characters: endings are taken off and put on again in their order. */
function withSuffixes(original: string, unit: string, kind: NamedKind): string {
  const ending = kind === 'monotonic-sum' ? 'total' : isRatio(unit, kind) ? 'ratio' : '';
  const { main, per } = unitWords(unit);
  let name = withoutEnding(withoutEnding(original, ending), per);
  if (main !== '' && !name.endsWith(main)) name += `_${main}`;
  return [name, ...nonEmpty([per, ending])].join('_');
}

/** Some libraries give plain counts the unit 1, so that only gauges are taken for ratios. */
function isRatio(unit: string, kind: NamedKind): boolean {
  return unit === '1' && kind === 'gauge';
}

/** Without an ending and the character in front of it, unless nothing would be left. */
function withoutEnding(name: string, ending: string): string {
  return ending !== '' && name.endsWith(ending) && name.length > ending.length + 1 ? name.slice(0, -(ending.length + 1)) : name;
}

/** Annotations in braces are no units. */
function unitWords(unit: string): UnitWords {
  const stroke = unit.indexOf('/');
  const main = (stroke === -1 ? unit : unit.slice(0, stroke)).trim();
  const per = stroke === -1 ? '' : unit.slice(stroke + 1).trim();
  const isUnit = (text: string): boolean => text !== '' && !/[{}]/.test(text);
  return {
    main: isUnit(main) ? (UNITS.get(main) ?? main) : '',
    per: isUnit(per) ? `per_${PER_UNITS.get(per) ?? per}` : '',
  };
}

function cleanUnit(word: string): string {
  return word.replace(/[^a-zA-Z0-9:]/gu, '_').replace(/__+/g, '_').replace(/^_/, '');
}

function nonEmpty(words: readonly string[]): string[] {
  return words.filter((word) => word !== '');
}

function startsWithDigit(name: string): boolean {
  return /^[0-9]/.test(name);
}

function isUnderscores(name: string): boolean {
  return /^_*$/.test(name);
}
