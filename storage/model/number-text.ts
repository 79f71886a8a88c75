/**
 * A float as Go's `%g` and `%v` print it, which is how Prometheus' messages show numbers: the shortest digits that read back as the same
 * number, with an exponent (of two digits at least) below 1e-4 and from 1e6 on. Sample values in JSON have another form.
 */
export function formatG(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return value.toString();
  return withExponent(mantissa, exponent);
}

/** A float as Go's `%.2g` (for two digits) prints it: rounded, and with an exponent as soon as the digits do not reach to the point. */
export function formatGDigits(value: number, digits: number): string {
  if (!Number.isFinite(value) || value === 0) return formatG(value);
  const [mantissa, exponentText] = value.toExponential(digits - 1).split('e') as [string, string];
  const exponent = Number(exponentText);
  const rounded = Number(`${mantissa}e${exponentText}`);
  if (exponent >= -4 && exponent < digits) return rounded.toString();
  return withExponent(Number(mantissa).toString(), exponent);
}

function withExponent(mantissa: string, exponent: number): string {
  const sign = exponent < 0 ? '-' : '+';
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** A number as OpenMetrics writes it in `le` and `quantile` labels: like `%g`, and always recognisable as a float (`1.0`, `+Inf`). */
export function formatOpenMetricsFloat(value: number): string {
  const text = formatG(value + 0);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A float as Go's `strconv.FormatFloat(value, 'f', -1, 64)` prints it: the shortest digits, never an exponent. */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) return formatG(value);
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith('-') || Object.is(value, -0) ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

/** A float as Go's `%f` prints it: six digits after the point, never an exponent. */
export function formatFixed(value: number): string {
  if (!Number.isFinite(value)) return formatG(value);
  if (Object.is(value, -0)) return '-0.000000';
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

const DIGITS_APART = /(?<=\d)_(?=\d)/g;
const HEXADECIMAL_DIGITS_APART = /(?<=[\da-fA-FxX])_(?=[\da-fA-F])/g;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEXADECIMAL = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/;

/**
 * A float as Go's `strconv.ParseFloat` reads one, which decides what a valid `le` label is; `undefined` for anything else. Decimal text
 * beyond the range of doubles is no number, while the words for infinity are.
 */
export function parseGoFloat(written: string): number | undefined {
  // Go lets underscores separate digits.
  const text = written.includes('_') ? written.replace(/^[+-]?0[xX]/.test(written) ? HEXADECIMAL_DIGITS_APART : DIGITS_APART, '') : written;
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const word = text.toLowerCase().replace(/^[+-]/, '');
  if (word === 'inf' || word === 'infinity') return text.startsWith('-') ? -Infinity : Infinity;
  if (word === 'nan' && text.length === 3) return NaN;
  const hexadecimal = HEXADECIMAL.exec(text);
  if (hexadecimal === null || hexadecimal[2]! + hexadecimal[3]! === '') return undefined;
  const mantissa = parseInt(`0${hexadecimal[2]!}${hexadecimal[3]!}`, 16);
  const value = mantissa * 2 ** (Number(hexadecimal[4]) - 4 * hexadecimal[3]!.length);
  if (!Number.isFinite(value)) return undefined;
  return hexadecimal[1] === '-' ? -value : value;
}
