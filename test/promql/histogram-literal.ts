import { addHistograms, subtractHistograms } from '../../storage/model/histogram-add.ts';
import { EMPTY_HISTOGRAM, type CounterResetHint, type FloatHistogram, type Span } from '../../storage/model/histogram.ts';

const HINTS: ReadonlyMap<string, CounterResetHint> = new Map([
  ['unknown', 'unknown'],
  ['reset', 'reset'],
  ['not_reset', 'not-reset'],
  ['gauge', 'gauge'],
]);

const FIELDS: ReadonlySet<string> = new Set([
  'schema', 'count', 'sum', 'z_bucket', 'z_bucket_w', 'buckets', 'offset', 'n_buckets', 'n_offset', 'custom_values', 'counter_reset_hint',
]);

const FIELD = /\s*([a-z_]+):(?:\[([^\]]*)\]|([^\s\]}]+))\s*/y;

/**
 * A native histogram in the promqltest language: `{{schema:1 count:4 sum:5 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] offset:1 n_buckets:[1]
 * n_offset:0 custom_values:[5 10] counter_reset_hint:gauge}}`. Every field may be left out; buckets without an offset begin at bucket 0.
 */
export function parseHistogramLiteral(text: string): FloatHistogram {
  const literal = text.trim();
  if (!literal.startsWith('{{') || !literal.endsWith('}}')) throw new Error(`not a histogram: ${text}`);
  const fields = parseFields(literal.slice(2, -2));
  const numberOf = (name: string): number => parseNumber(fields.get(name) ?? '0');
  const numbersOf = (name: string): number[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(parseNumber);
  const positiveBuckets = numbersOf('buckets');
  const negativeBuckets = numbersOf('n_buckets');
  const hint = HINTS.get(fields.get('counter_reset_hint') ?? 'unknown');
  if (hint === undefined) throw new Error(`unknown counter_reset_hint in ${text}`);
  return {
    ...EMPTY_HISTOGRAM,
    counterResetHint: hint,
    schema: numberOf('schema'),
    count: numberOf('count'),
    sum: numberOf('sum'),
    zeroCount: numberOf('z_bucket'),
    zeroThreshold: numberOf('z_bucket_w'),
    positiveSpans: spansOf(numberOf('offset'), positiveBuckets.length),
    positiveBuckets,
    negativeSpans: spansOf(numberOf('n_offset'), negativeBuckets.length),
    negativeBuckets,
    customValues: numbersOf('custom_values'),
  };
}

/** Whether a literal says anything of counter resets; if it does not, an expected histogram leaves them open. */
export function namesResetHint(text: string): boolean {
  return text.includes('counter_reset_hint:');
}

/**
 * The points of `{{…}}`, `{{…}}x3` (the same four times), `{{…}}+{{…}}x3` and `{{…}}-{{…}}x3` (the first and three more, each changed by
 * the second).
 */
export function parseHistogramPoints(text: string): FloatHistogram[] {
  const match = /^(\{\{[^}]*\}\})(?:([+-])(\{\{[^}]*\}\}))?(?:x(\d+))?$/.exec(text.trim());
  if (match === null) throw new Error(`not a histogram point: ${text}`);
  const points = [parseHistogramLiteral(match[1]!)];
  const change = match[3] === undefined ? undefined : parseHistogramLiteral(match[3]);
  const apply = match[2] === '-' ? subtractHistograms : addHistograms;
  for (let i = Number(match[4] ?? 0); i > 0; i--) {
    const last = points.at(-1)!;
    const next = change === undefined ? undefined : apply(last, change);
    if (next?.kind === 'mixed-schemas') throw new Error(`exponential and custom buckets in one series: ${text}`);
    points.push(next?.histogram ?? last);
  }
  return points;
}

function parseFields(body: string): Map<string, string> {
  const fields = new Map<string, string>();
  FIELD.lastIndex = 0;
  let at = 0;
  while (at < body.trimEnd().length) {
    const match = FIELD.exec(body);
    if (match === null) throw new Error(`cannot read histogram field at ${JSON.stringify(body.slice(at))}`);
    const name = match[1]!;
    if (!FIELDS.has(name)) throw new Error(`unknown histogram field ${name}`);
    if (fields.has(name)) throw new Error(`histogram field ${name} is given twice`);
    fields.set(name, match[2] ?? match[3]!);
    at = FIELD.lastIndex;
  }
  return fields;
}

function parseNumber(text: string): number {
  const word = text.toLowerCase().replace(/^[+-]/, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (word === 'inf' || word === 'infinity') return sign * Infinity;
  if (word === 'nan') return NaN;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`not a number: ${text}`);
  return value;
}

function spansOf(offset: number, length: number): Span[] {
  return length === 0 ? [] : [{ offset, length }];
}
