import { acos, asin, atan } from '../../storage/model/go-math/arcs.ts';
import { exp } from '../../storage/model/go-math/exponential.ts';
import { acosh, asinh, atanh, cosh, sinh, tanh } from '../../storage/model/go-math/hyperbolic.ts';
import { ln, log10, log2 } from '../../storage/model/go-math/logarithm.ts';
import { cos, sin, tan } from '../../storage/model/go-math/trigonometry.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { SORT_WORK } from '../budget.ts';
import type { FunctionName } from '../parser/ast.ts';
import { changes, resets } from './changes.ts';
import { dayOfMonth, dayOfWeek, dayOfYear, daysInMonth, hour, minute, month, year } from './dates.ts';
import type { DateFunction } from './dates.ts';
import { doubleExponentialSmoothing } from './double-exponential-smoothing.ts';
import { clamp, clampMax, clampMin, deg, rad, round, sgn } from './elementwise.ts';
import type { FloatFunction, PartialFloatFunction } from './elementwise.ts';
import { maxOverTime, minOverTime, tsOfMaxOverTime, tsOfMinOverTime } from './extremes-over-time.ts';
import { histogramAvg, histogramCount, histogramStddev, histogramStdvar, histogramSum } from './histogram-values.ts';
import { idelta, irate } from './instant-rate.ts';
import {
  countOverTime, firstOverTime, lastOverTime, madOverTime, presentOverTime, quantileOverTime, stddevOverTime, stdvarOverTime, tsOfFirstOverTime,
  tsOfLastOverTime,
} from './over-time.ts';
import { delta, increase, rate } from './rate.ts';
import { deriv, predictLinear } from './regression.ts';
import { avgOverTime, sumOverTime } from './sum-over-time.ts';
import type { WindowFunction } from './window-function.ts';
import { geometryBytesPerStep } from './window-geometry.ts';

export interface WindowImplementation {
  readonly kind: 'window';
  readonly apply: WindowFunction;
  readonly keepsName: boolean;
  readonly workPerSample: number;
  /** What it keeps from one series to the next of each of so many steps. */
  readonly keptBytesPerStep?: (stepCount: number) => number;
}

/** How a function is carried out. `planned` ones are nodes of a plan of their own. */
export type FunctionImplementation =
  | { readonly kind: 'planned' }
  | WindowImplementation
  | { readonly kind: 'float'; readonly apply: FloatFunction | PartialFloatFunction }
  | { readonly kind: 'date'; readonly apply: DateFunction }
  | { readonly kind: 'histogram'; readonly apply: (histogram: FloatHistogram) => number }
  | { readonly kind: 'time'; readonly apply: (stepSeconds: number) => number | undefined };

const PLANNED: FunctionImplementation = { kind: 'planned' };

function overWindow(apply: WindowFunction): FunctionImplementation {
  return { kind: 'window', apply, keepsName: false, workPerSample: 1 };
}

/** Goes through the series once, however much its windows overlap. */
function inOnePass(apply: WindowFunction, keepsName = false): FunctionImplementation {
  return { kind: 'window', apply, keepsName, workPerSample: 1 / 16 };
}

function rateOverWindow(apply: WindowFunction): FunctionImplementation {
  return { kind: 'window', apply, keepsName: false, workPerSample: 1 / 16, keptBytesPerStep: geometryBytesPerStep };
}

/** Sorts each window. */
function sortingWindows(apply: WindowFunction): FunctionImplementation {
  return { kind: 'window', apply, keepsName: false, workPerSample: SORT_WORK };
}

function ofFloat(apply: FloatFunction | PartialFloatFunction): FunctionImplementation {
  return { kind: 'float', apply };
}

function ofDate(apply: DateFunction): FunctionImplementation {
  return { kind: 'date', apply };
}

function ofHistogram(apply: (histogram: FloatHistogram) => number): FunctionImplementation {
  return { kind: 'histogram', apply };
}

/** Every function of the language. The parser's table of signatures has the same keys. */
export const FUNCTIONS: Readonly<Record<FunctionName, FunctionImplementation>> = {
  abs: ofFloat(Math.abs),
  absent: PLANNED,
  absent_over_time: PLANNED,
  acos: ofFloat(acos),
  acosh: ofFloat(acosh),
  asin: ofFloat(asin),
  asinh: ofFloat(asinh),
  atan: ofFloat(atan),
  atanh: ofFloat(atanh),
  avg_over_time: overWindow(avgOverTime),
  ceil: ofFloat(Math.ceil),
  changes: inOnePass(changes),
  clamp: ofFloat(clamp),
  clamp_max: ofFloat(clampMax),
  clamp_min: ofFloat(clampMin),
  cos: ofFloat(cos),
  cosh: ofFloat(cosh),
  count_over_time: inOnePass(countOverTime),
  day_of_month: ofDate(dayOfMonth),
  day_of_week: ofDate(dayOfWeek),
  day_of_year: ofDate(dayOfYear),
  days_in_month: ofDate(daysInMonth),
  deg: ofFloat(deg),
  delta: rateOverWindow(delta),
  deriv: overWindow(deriv),
  double_exponential_smoothing: overWindow(doubleExponentialSmoothing),
  end: PLANNED,
  exp: ofFloat(exp),
  first_over_time: inOnePass(firstOverTime, true),
  floor: ofFloat(Math.floor),
  histogram_avg: ofHistogram(histogramAvg),
  histogram_count: ofHistogram(histogramCount),
  histogram_fraction: PLANNED,
  histogram_quantile: PLANNED,
  histogram_quantiles: PLANNED,
  histogram_stddev: ofHistogram(histogramStddev),
  histogram_stdvar: ofHistogram(histogramStdvar),
  histogram_sum: ofHistogram(histogramSum),
  hour: ofDate(hour),
  idelta: inOnePass(idelta),
  increase: rateOverWindow(increase),
  info: PLANNED,
  irate: inOnePass(irate),
  label_join: PLANNED,
  label_replace: PLANNED,
  last_over_time: inOnePass(lastOverTime, true),
  ln: ofFloat(ln),
  log10: ofFloat(log10),
  log2: ofFloat(log2),
  mad_over_time: sortingWindows(madOverTime),
  max_of: PLANNED,
  max_over_time: inOnePass(maxOverTime),
  min_of: PLANNED,
  min_over_time: inOnePass(minOverTime),
  minute: ofDate(minute),
  month: ofDate(month),
  pi: PLANNED,
  predict_linear: overWindow(predictLinear),
  present_over_time: inOnePass(presentOverTime),
  quantile_over_time: sortingWindows(quantileOverTime),
  rad: ofFloat(rad),
  range: PLANNED,
  rate: rateOverWindow(rate),
  resets: inOnePass(resets),
  round: ofFloat(round),
  scalar: PLANNED,
  sgn: ofFloat(sgn),
  sin: ofFloat(sin),
  sinh: ofFloat(sinh),
  sort: PLANNED,
  sort_by_label: PLANNED,
  sort_by_label_desc: PLANNED,
  sort_desc: PLANNED,
  sqrt: ofFloat(Math.sqrt),
  start: PLANNED,
  // Samples that were calculated have no start; those of a selector are a plan node of their own.
  start_timestamp: { kind: 'time', apply: () => undefined },
  stddev_over_time: overWindow(stddevOverTime),
  stdvar_over_time: overWindow(stdvarOverTime),
  step: PLANNED,
  sum_over_time: overWindow(sumOverTime),
  tan: ofFloat(tan),
  tanh: ofFloat(tanh),
  time: PLANNED,
  timestamp: { kind: 'time', apply: (stepSeconds) => stepSeconds },
  ts_of_first_over_time: inOnePass(tsOfFirstOverTime),
  ts_of_last_over_time: inOnePass(tsOfLastOverTime),
  ts_of_max_over_time: inOnePass(tsOfMaxOverTime),
  ts_of_min_over_time: inOnePass(tsOfMinOverTime),
  vector: PLANNED,
  year: ofDate(year),
};
