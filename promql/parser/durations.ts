/** Durations from numbers, and the evaluation of duration expressions once the query's own times are known. */
import { power } from '../../storage/model/go-math/power.ts';
import { badData } from '../../storage/runtime/errors.ts';
import { unreachable } from '../../storage/runtime/assert.ts';
import type { Duration, DurationExpr, Expr, ResolvedExpr, VectorSelector } from './ast.ts';

/** What `step()` and `range()` stand for. Both are 0 in an instant query. */
export interface QueryTimes {
  readonly stepMs: number;
  /** The query's end minus its start. */
  readonly rangeMs: number;
}

/** Prometheus keeps durations as 64-bit nanoseconds. */
const DURATION_SECONDS_MAX = 2 ** 63 / 1e9;
const DURATION_MS_MAX = Math.trunc(DURATION_SECONDS_MAX * 1000);

/** Whether a number can be a duration. NaN passes: what it means is decided where it is used. */
export function isDurationInRange(seconds: number): boolean {
  return !(Math.abs(seconds) > DURATION_SECONDS_MAX);
}

/** Seconds of a literal to whole milliseconds: rounded to nanoseconds, then cut. NaN, as an offset, is the furthest way into the future. */
export function literalDurationMs(seconds: number): number {
  if (Number.isNaN(seconds)) return -DURATION_MS_MAX;
  const milliseconds = seconds * 1000;
  const nearest = Math.round(milliseconds);
  // 0.29 s is 289.99999999999994 ms in binary; what is within half a nanosecond of a millisecond is that millisecond.
  return Math.abs(milliseconds - nearest) < 5e-7 ? nearest + 0 : Math.trunc(milliseconds) + 0;
}

/** As Go makes seconds of a duration, whole ones and the rest apart: 4.56 s are 4.5600000000000005. */
export function secondsOf(durationMs: number): number {
  return Math.trunc(durationMs / 1000) + (durationMs % 1000) / 1000;
}

/**
 * The tree with every duration expression replaced by its milliseconds. Throws `VarveError('bad-data')` with Prometheus' text for a
 * range or step that is not above 0, for a division by zero, and for what no duration can hold.
 */
export function resolveDurations(expr: Expr, times: QueryTimes): ResolvedExpr {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr;
    case 'vector':
      return resolveSelector(expr, times);
    case 'matrix':
      return { ...expr, selector: resolveSelector(expr.selector, times), rangeMs: resolvePositive(expr.rangeMs, times) };
    case 'subquery':
      return {
        ...expr,
        offsetMs: resolveDuration(expr.offsetMs, times),
        stepMs: expr.stepMs === undefined ? undefined : resolvePositive(expr.stepMs, times),
        rangeMs: resolvePositive(expr.rangeMs, times),
        expr: resolveDurations(expr.expr, times),
      };
    case 'aggregate': {
      const param = expr.param === undefined ? undefined : resolveDurations(expr.param, times);
      return { ...expr, param, expr: resolveDurations(expr.expr, times) };
    }
    case 'binary':
      return { ...expr, lhs: resolveDurations(expr.lhs, times), rhs: resolveDurations(expr.rhs, times) };
    case 'unary':
      return { ...expr, expr: resolveDurations(expr.expr, times) };
    case 'paren':
      return { ...expr, expr: resolveDurations(expr.expr, times) };
    case 'call':
      return { ...expr, args: expr.args.map((arg) => resolveDurations(arg, times)) };
    default:
      return unreachable(expr);
  }
}

function resolveSelector(selector: VectorSelector, times: QueryTimes): VectorSelector<number> {
  return { ...selector, offsetMs: resolveDuration(selector.offsetMs, times) };
}

function resolvePositive(duration: Duration, times: QueryTimes): number {
  return resolveDuration(duration, times, true);
}

function resolveDuration(duration: Duration, times: QueryTimes, mustBePositive = false): number {
  if (typeof duration === 'number') return duration;
  const seconds = evaluate(duration, times);
  if (!Number.isFinite(seconds)) throw failure(duration, 'duration is NaN or infinite');
  if (mustBePositive && seconds <= 0) throw failure(duration, 'duration must be greater than 0');
  if (!isDurationInRange(seconds)) throw failure(duration, 'duration is out of range');
  return Math.trunc(seconds * 1000) + 0;
}

/** The value in seconds. */
function evaluate(expr: DurationExpr, times: QueryTimes): number {
  switch (expr.kind) {
    case 'number':
      return expr.value;
    case 'duration-paren':
      return evaluate(expr.expr, times);
    case 'duration-unary':
      return expr.op === '-' ? -evaluate(expr.expr, times) : evaluate(expr.expr, times);
    case 'duration-call':
      return evaluateCall(expr, times);
    case 'duration-binary':
      return evaluateBinary(expr, times);
    default:
      return unreachable(expr);
  }
}

function evaluateCall(expr: Extract<DurationExpr, { kind: 'duration-call' }>, times: QueryTimes): number {
  switch (expr.name) {
    case 'step':
      return secondsOf(times.stepMs);
    case 'range':
      return secondsOf(times.rangeMs);
    case 'min_of':
      return Math.min(...expr.args.map((arg) => evaluate(arg, times)));
    case 'max_of':
      return Math.max(...expr.args.map((arg) => evaluate(arg, times)));
    default:
      return unreachable(expr.name);
  }
}

function evaluateBinary(expr: Extract<DurationExpr, { kind: 'duration-binary' }>, times: QueryTimes): number {
  const lhs = evaluate(expr.lhs, times);
  const rhs = evaluate(expr.rhs, times);
  switch (expr.op) {
    case '+':
      return lhs + rhs;
    case '-':
      return lhs - rhs;
    case '*':
      return lhs * rhs;
    case '/':
      if (rhs === 0) throw failure(expr, 'division by zero');
      return lhs / rhs;
    case '%':
      if (rhs === 0) throw failure(expr, 'modulo by zero');
      return lhs % rhs;
    case '^':
      return power(lhs, rhs);
    default:
      return unreachable(expr.op);
  }
}

function failure(expr: DurationExpr, reason: string): Error {
  return badData(`${expr.position.start}:${expr.position.end}: ${reason}`);
}
