import { Engine } from '../../promql/engine.ts';
import type { MatrixValue, QueryAnnotations, QueryResult, QueryValue, VectorSample } from '../../promql/query-result.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { pinTimes } from './pin-times.ts';
import { compareValue } from './script-compare.ts';
import { load } from './script-load.ts';
import { parseScript } from './script-syntax.ts';
import type { EvalCommand, Expectations, TextExpectation } from './script-syntax.ts';

export interface ScriptFailure {
  readonly line: number;
  readonly query: string;
  readonly message: string;
}

export interface ScriptReport {
  readonly passed: number;
  readonly failures: readonly ScriptFailure[];
}

/** Runs a script in the promqltest language. Each eval counts once, however many ways it is run. */
export async function runScript(text: string): Promise<ScriptReport> {
  const source = new MemorySeriesSource();
  const engine = new Engine({ source });
  const failures: ScriptFailure[] = [];
  let passed = 0;
  for (const command of parseScript(text)) {
    if (command.kind === 'clear') source.clear();
    else if (command.kind === 'load') load(source, command);
    else if (command.kind === 'invalid') failures.push({ line: command.line, query: command.text, message: `not the language: ${command.message}` });
    else {
      const message = await runEval(engine, command);
      if (message === undefined) passed++;
      else failures.push({ line: command.line, query: command.query, message });
    }
  }
  return { passed, failures };
}

async function runEval(engine: Engine, command: EvalCommand): Promise<string | undefined> {
  const { query, times, expected } = command;
  if (times.kind === 'range') return check(() => engine.range(query, times), expected, stepTimes(times.startMs, times.endMs, times.stepMs));
  const { timeMs } = times;
  const { rangeVector } = expected;
  const pointTimes = rangeVector === undefined ? [timeMs] : stepTimes(rangeVector.startMs, rangeVector.endMs, rangeVector.stepMs);
  const message = await check(() => engine.instant(query, { timeMs }), expected, pointTimes);
  if (message !== undefined || expected.fail !== undefined || rangeVector !== undefined || expected.text !== undefined) return message;
  return (await checkAsRange(engine, query, timeMs, expected)) ?? (await checkPinned(engine, query, timeMs, expected));
}

function stepTimes(startMs: number, endMs: number, stepMs: number): number[] {
  const times: number[] = [];
  for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) times.push(timeMs);
  return times;
}

async function check(run: () => Promise<QueryResult>, expected: Expectations, stepTimesMs: readonly number[]): Promise<string | undefined> {
  let result: QueryResult;
  try {
    result = await run();
  } catch (error) {
    if (!(error instanceof VarveError)) return `crashed: ${error instanceof Error ? error.stack : String(error)}`;
    const text = error.message;
    if (expected.fail === undefined) return `failed: ${text}`;
    return expected.fail.matches(text) ? undefined : `expected the error ${expected.fail.description}, got ${text}`;
  }
  if (expected.fail !== undefined) return 'expected a failure, but it succeeded';
  return checkAnnotations(result.annotations, expected) ?? compareValue(result.value, expected, stepTimesMs);
}

function checkAnnotations(annotations: QueryAnnotations, expected: Expectations): string | undefined {
  return (
    checkTexts('warning', annotations.warnings, expected.warnings, expected.noWarn) ?? checkTexts('info', annotations.infos, expected.infos, expected.noInfo)
  );
}

function checkTexts(kind: string, texts: readonly string[], expected: readonly TextExpectation[], expectsNone: boolean): string | undefined {
  if (expectsNone && texts.length > 0) return `expected no ${kind}, got ${texts.join(' | ')}`;
  for (const { matches, description } of expected) {
    if (!texts.some(matches)) return `expected the ${kind} ${description}, got ${texts.join(' | ') || 'none'}`;
  }
  if (expected.length === 0) return undefined;
  const unexpected = texts.find((text) => !expected.some(({ matches }) => matches(text)));
  return unexpected === undefined ? undefined : `unexpected ${kind} ${unexpected}`;
}

const MINUTE_MS = 60_000;

/** The middle one of three steps must agree with the instant query. */
async function checkAsRange(engine: Engine, query: string, timeMs: number, expected: Expectations): Promise<string | undefined> {
  // Order is for instant queries only, and a range query has other times of its own.
  if (expected.ordered || /\b(?:start|end|range|step)\s*\(\)/.test(query)) return undefined;
  let value: QueryValue;
  try {
    ({ value } = await engine.range(query, { startMs: timeMs - MINUTE_MS, endMs: timeMs + MINUTE_MS, stepMs: MINUTE_MS }));
  } catch (error) {
    return `as a range query: failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  const message = compareValue(stepOf(value as MatrixValue, timeMs, expected.scalar !== undefined), expected, [timeMs]);
  return message && `as a range query: ${message}`;
}

function stepOf(value: MatrixValue, timeMs: number, isScalar: boolean): QueryValue {
  const samples = value.series.flatMap((series): VectorSample[] => {
    const step = series.timestampsMs.indexOf(timeMs);
    if (step === -1 || series.present?.[step] === 0) return [];
    return [{ labels: series.labels, value: series.values[step]!, histogram: series.histograms?.[step] }];
  });
  if (isScalar) return { kind: 'scalar', timestampMs: timeMs, value: samples[0]?.value ?? NaN };
  return { kind: 'vector', timestampMs: timeMs, samples };
}

/** Pinned to the evaluation time by `@`, the query must give the same whenever it is asked. */
async function checkPinned(engine: Engine, query: string, timeMs: number, expected: Expectations): Promise<string | undefined> {
  const pinned = pinTimes(query, timeMs);
  if (pinned === undefined) return undefined;
  const otherTimes = timeMs === 0 ? [-1000, 0, 1000] : [-10 * timeMs, 0, Math.trunc(timeMs / 5), timeMs, 10 * timeMs];
  for (const otherMs of otherTimes) {
    const message = await check(() => engine.instant(pinned, { timeMs: otherMs }), { ...expected, warnings: [], infos: [] }, [timeMs]);
    if (message !== undefined) return `as ${pinned} at ${otherMs}: ${message}`;
  }
  return undefined;
}
