import type { ValueType } from './value-type.ts';

/** What a function takes and returns. Types come from the manual of Prometheus 3.14 and its parser's table. */
export interface FunctionSignature {
  readonly argTypes: readonly ValueType[];
  /**
   * 0: exactly `argTypes`. Otherwise the last of `argTypes` may be left out or repeated: it stands up to `variadic` times, or any
   * number of times when `variadic` is -1.
   */
  readonly variadic: number;
  readonly returnType: ValueType;
  /** Behind a feature flag in Prometheus; on here. */
  readonly experimental: boolean;
}

const VECTOR_TO_VECTOR: FunctionSignature = { argTypes: ['vector'], variadic: 0, returnType: 'vector', experimental: false };
const OPTIONAL_VECTOR_TO_VECTOR: FunctionSignature = { argTypes: ['vector'], variadic: 1, returnType: 'vector', experimental: false };
const MATRIX_TO_VECTOR: FunctionSignature = { argTypes: ['matrix'], variadic: 0, returnType: 'vector', experimental: false };
const EXPERIMENTAL_MATRIX_TO_VECTOR: FunctionSignature = { argTypes: ['matrix'], variadic: 0, returnType: 'vector', experimental: true };
const EXPERIMENTAL_QUERY_SCALAR: FunctionSignature = { argTypes: [], variadic: 0, returnType: 'scalar', experimental: true };
const EXPERIMENTAL_SCALARS_TO_SCALAR: FunctionSignature = { argTypes: ['scalar', 'scalar'], variadic: 0, returnType: 'scalar', experimental: true };

function toVector(argTypes: readonly ValueType[], variadic = 0): FunctionSignature {
  return { argTypes, variadic, returnType: 'vector', experimental: false };
}

function experimentalToVector(argTypes: readonly ValueType[], variadic = 0): FunctionSignature {
  return { argTypes, variadic, returnType: 'vector', experimental: true };
}

function toScalar(argTypes: readonly ValueType[]): FunctionSignature {
  return { argTypes, variadic: 0, returnType: 'scalar', experimental: false };
}

/** Every function of the language, by name. The engine's table of implementations has the same keys. */
export const FUNCTION_SIGNATURES = {
  abs: VECTOR_TO_VECTOR,
  absent: VECTOR_TO_VECTOR,
  absent_over_time: MATRIX_TO_VECTOR,
  acos: VECTOR_TO_VECTOR,
  acosh: VECTOR_TO_VECTOR,
  asin: VECTOR_TO_VECTOR,
  asinh: VECTOR_TO_VECTOR,
  atan: VECTOR_TO_VECTOR,
  atanh: VECTOR_TO_VECTOR,
  avg_over_time: MATRIX_TO_VECTOR,
  ceil: VECTOR_TO_VECTOR,
  changes: MATRIX_TO_VECTOR,
  clamp: toVector(['vector', 'scalar', 'scalar']),
  clamp_max: toVector(['vector', 'scalar']),
  clamp_min: toVector(['vector', 'scalar']),
  cos: VECTOR_TO_VECTOR,
  cosh: VECTOR_TO_VECTOR,
  count_over_time: MATRIX_TO_VECTOR,
  day_of_month: OPTIONAL_VECTOR_TO_VECTOR,
  day_of_week: OPTIONAL_VECTOR_TO_VECTOR,
  day_of_year: OPTIONAL_VECTOR_TO_VECTOR,
  days_in_month: OPTIONAL_VECTOR_TO_VECTOR,
  deg: VECTOR_TO_VECTOR,
  delta: MATRIX_TO_VECTOR,
  deriv: MATRIX_TO_VECTOR,
  double_exponential_smoothing: experimentalToVector(['matrix', 'scalar', 'scalar']),
  end: EXPERIMENTAL_QUERY_SCALAR,
  exp: VECTOR_TO_VECTOR,
  first_over_time: MATRIX_TO_VECTOR,
  floor: VECTOR_TO_VECTOR,
  histogram_avg: VECTOR_TO_VECTOR,
  histogram_count: VECTOR_TO_VECTOR,
  histogram_fraction: toVector(['scalar', 'scalar', 'vector']),
  histogram_quantile: toVector(['scalar', 'vector']),
  histogram_quantiles: experimentalToVector(['vector', 'string', 'scalar', 'scalar'], 9),
  histogram_stddev: VECTOR_TO_VECTOR,
  histogram_stdvar: VECTOR_TO_VECTOR,
  histogram_sum: VECTOR_TO_VECTOR,
  hour: OPTIONAL_VECTOR_TO_VECTOR,
  idelta: MATRIX_TO_VECTOR,
  increase: MATRIX_TO_VECTOR,
  info: experimentalToVector(['vector', 'vector'], 1),
  irate: MATRIX_TO_VECTOR,
  label_join: toVector(['vector', 'string', 'string', 'string'], -1),
  label_replace: toVector(['vector', 'string', 'string', 'string', 'string']),
  last_over_time: MATRIX_TO_VECTOR,
  ln: VECTOR_TO_VECTOR,
  log10: VECTOR_TO_VECTOR,
  log2: VECTOR_TO_VECTOR,
  mad_over_time: EXPERIMENTAL_MATRIX_TO_VECTOR,
  max_of: EXPERIMENTAL_SCALARS_TO_SCALAR,
  max_over_time: MATRIX_TO_VECTOR,
  min_of: EXPERIMENTAL_SCALARS_TO_SCALAR,
  min_over_time: MATRIX_TO_VECTOR,
  minute: OPTIONAL_VECTOR_TO_VECTOR,
  month: OPTIONAL_VECTOR_TO_VECTOR,
  pi: toScalar([]),
  predict_linear: toVector(['matrix', 'scalar']),
  present_over_time: MATRIX_TO_VECTOR,
  quantile_over_time: toVector(['scalar', 'matrix']),
  rad: VECTOR_TO_VECTOR,
  range: EXPERIMENTAL_QUERY_SCALAR,
  rate: MATRIX_TO_VECTOR,
  resets: MATRIX_TO_VECTOR,
  round: toVector(['vector', 'scalar'], 1),
  scalar: toScalar(['vector']),
  sgn: VECTOR_TO_VECTOR,
  sin: VECTOR_TO_VECTOR,
  sinh: VECTOR_TO_VECTOR,
  sort: VECTOR_TO_VECTOR,
  sort_by_label: experimentalToVector(['vector', 'string'], -1),
  sort_by_label_desc: experimentalToVector(['vector', 'string'], -1),
  sort_desc: VECTOR_TO_VECTOR,
  sqrt: VECTOR_TO_VECTOR,
  start: EXPERIMENTAL_QUERY_SCALAR,
  start_timestamp: experimentalToVector(['vector']),
  stddev_over_time: MATRIX_TO_VECTOR,
  stdvar_over_time: MATRIX_TO_VECTOR,
  step: EXPERIMENTAL_QUERY_SCALAR,
  sum_over_time: MATRIX_TO_VECTOR,
  tan: VECTOR_TO_VECTOR,
  tanh: VECTOR_TO_VECTOR,
  time: toScalar([]),
  timestamp: VECTOR_TO_VECTOR,
  ts_of_first_over_time: EXPERIMENTAL_MATRIX_TO_VECTOR,
  ts_of_last_over_time: EXPERIMENTAL_MATRIX_TO_VECTOR,
  ts_of_max_over_time: EXPERIMENTAL_MATRIX_TO_VECTOR,
  ts_of_min_over_time: EXPERIMENTAL_MATRIX_TO_VECTOR,
  vector: toVector(['scalar']),
  year: OPTIONAL_VECTOR_TO_VECTOR,
} as const satisfies Readonly<Record<string, FunctionSignature>>;

export type FunctionName = keyof typeof FUNCTION_SIGNATURES;

export function isFunctionName(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTION_SIGNATURES, name);
}

/** Of a function of the language. */
export function functionSignature(name: FunctionName): FunctionSignature {
  return FUNCTION_SIGNATURES[name];
}
