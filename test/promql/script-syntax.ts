import { RE2JS } from 're2js';
import { parseExpr } from '../../promql/parser/index.ts';
import { labelsKey } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { parseMetric } from './parse-metric.ts';
import { parseDurationMs, parseNumber, parsePoints, parseStartPoints } from './script-points.ts';
import type { Point } from './script-points.ts';

/** A series line of a load block or of expectations. */
export interface SeriesLine {
  readonly labels: Labels;
  readonly points: readonly Point[];
}

export interface LoadCommand {
  readonly kind: 'load';
  readonly intervalMs: number;
  readonly series: readonly SeriesLine[];
  /** Start timestamps by labels key, relative to each sample. */
  readonly starts: ReadonlyMap<string, readonly (number | undefined)[]>;
  /** Also load classic histograms as native ones with custom buckets. */
  readonly withCustomBuckets: boolean;
}

/** `expect fail|warn|info`, perhaps with the text. */
export interface TextExpectation {
  readonly matches: (text: string) => boolean;
  readonly description: string;
}

export interface Expectations {
  readonly fail: TextExpectation | undefined;
  readonly warnings: readonly TextExpectation[];
  readonly infos: readonly TextExpectation[];
  readonly noWarn: boolean;
  readonly noInfo: boolean;
  readonly ordered: boolean;
  readonly text: string | undefined;
  /** `expect range vector`: the times of the listed points. */
  readonly rangeVector: { readonly startMs: number; readonly endMs: number; readonly stepMs: number } | undefined;
  readonly scalar: number | undefined;
  readonly series: readonly SeriesLine[];
}

export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  readonly query: string;
  readonly times:
    | { readonly kind: 'instant'; readonly timeMs: number }
    | { readonly kind: 'range'; readonly startMs: number; readonly endMs: number; readonly stepMs: number };
  readonly expected: Expectations;
}

/** A block that is not the language. It fails on its own; the rest of the script still runs. */
export interface InvalidCommand {
  readonly kind: 'invalid';
  /** The line that is wrong, which need not be the block's first. */
  readonly line: number;
  readonly text: string;
  readonly message: string;
}

export type Command = { readonly kind: 'clear' } | LoadCommand | EvalCommand | InvalidCommand;

/** A line of a script, trimmed. Numbers are from 1. */
interface Line {
  readonly number: number;
  readonly text: string;
}

class InvalidLine extends Error {
  readonly line: Line;

  constructor(line: Line, reason: string) {
    super(reason);
    this.line = line;
  }
}

/** Parses a script, block by block. */
export function parseScript(text: string): Command[] {
  const lines = text.split('\n').map((line, index): Line => ({ number: index + 1, text: line.trim() }));
  const commands: Command[] = [];
  for (let i = 0; i < lines.length; ) {
    const first = lines[i++]!;
    if (isEnd(first)) continue;
    const block: Line[] = [];
    if (!isClear(first)) while (i < lines.length && !isEnd(lines[i]!)) block.push(lines[i++]!);
    try {
      commands.push(atLine(first, () => parseBlock(first.text, block, first.number)));
    } catch (error) {
      if (!(error instanceof InvalidLine)) throw error;
      commands.push({ kind: 'invalid', line: error.line.number, text: error.line.text, message: error.message });
    }
  }
  return commands;
}

/** Whatever goes wrong is the fault of this line, unless it is that of a line inside. */
function atLine<T>(line: Line, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof InvalidLine) throw error;
    throw new InvalidLine(line, error instanceof Error ? error.message : String(error));
  }
}

function isClear({ text }: Line): boolean {
  return text.toLowerCase() === 'clear';
}

function isEnd({ text }: Line): boolean {
  return text === '' || text.startsWith('#');
}

function parseBlock(line: string, block: readonly Line[], lineNumber: number): Command {
  if (line.toLowerCase() === 'clear') return { kind: 'clear' };
  const load = /^load(_with_nhcb)?\s+(\S+)$/.exec(line);
  if (load !== null) return parseLoad(parseDurationMs(load[2]!), load[1] !== undefined, block);
  const instant = /^eval(?:_(fail|warn|info|ordered))?\s+instant\s+(?:at\s+)?(\S+)\s+(.+)$/.exec(line);
  if (instant !== null) {
    const times = { kind: 'instant', timeMs: parseDurationMs(instant[2]!) } as const;
    return { kind: 'eval', line: lineNumber, query: instant[3]!, times, expected: parseExpectations(block, instant[1]) };
  }
  const range = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/.exec(line);
  if (range === null) throw new Error(`unknown command: ${line}`);
  const [startMs, endMs, stepMs] = [range[2]!, range[3]!, range[4]!].map(parseDurationMs) as [number, number, number];
  if (!(stepMs > 0)) throw new Error(`a step is more than nothing: ${range[4]!}`);
  if (endMs < startMs) throw new Error(`the end ${range[3]!} is before the start ${range[2]!}`);
  const times = { kind: 'range', startMs, endMs, stepMs } as const;
  return { kind: 'eval', line: lineNumber, query: range[5]!, times, expected: parseExpectations(block, range[1]) };
}

function parseLoad(intervalMs: number, withCustomBuckets: boolean, block: readonly Line[]): LoadCommand {
  const series: SeriesLine[] = [];
  const starts = new Map<string, readonly (number | undefined)[]>();
  for (const line of block) {
    atLine(line, () => {
      const { metric, rest } = splitSeries(line.text);
      if (metric.endsWith('@st')) starts.set(labelsKey(parseMetric(metric.slice(0, -3))), parseStartPoints(rest));
      else series.push({ labels: parseMetric(metric), points: parsePoints(rest) });
    });
  }
  return { kind: 'load', intervalMs, series, starts, withCustomBuckets };
}

/** Splits a series line after the metric: at the end of its braces, or at the first blank. */
function splitSeries(line: string): { readonly metric: string; readonly rest: string } {
  let quote = '';
  let depth = 0;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote !== '') {
      if (char === '\\' && quote !== '`') i++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'" || char === '`') quote = char;
    else if (char === '{') depth++;
    else if (char === '}') depth--;
    else if (/\s/.test(char) && depth === 0 && !/^\s*\{/.test(line.slice(i).replace(/^\s*\{\{/, ''))) {
      return { metric: line.slice(0, i), rest: line.slice(i + 1) };
    }
  }
  return { metric: line, rest: '' };
}

/** Expectations while their lines are read. */
interface OpenExpectations {
  fail: TextExpectation | undefined;
  readonly warnings: TextExpectation[];
  readonly infos: TextExpectation[];
  noWarn: boolean;
  noInfo: boolean;
  ordered: boolean;
  text: string | undefined;
  rangeVector: Expectations['rangeVector'];
  scalar: number | undefined;
  readonly series: SeriesLine[];
}

function parseExpectations(block: readonly Line[], oldKind: string | undefined): Expectations {
  const expected: OpenExpectations = {
    fail: oldKind === 'fail' ? ANYTHING : undefined,
    warnings: oldKind === 'warn' ? [ANYTHING] : [],
    infos: oldKind === 'info' ? [ANYTHING] : [],
    noWarn: false, noInfo: false, ordered: oldKind === 'ordered', text: undefined, rangeVector: undefined, scalar: undefined, series: [],
  };
  for (const line of block) {
    atLine(line, () => {
      parseExpectation(line.text, expected);
      refuseContradiction(expected);
    });
  }
  return expected;
}

function parseExpectation(line: string, expected: OpenExpectations): void {
  const old = /^expected_fail_(message|regexp)\s+(.*)$/.exec(line);
  if (old !== null) expected.fail = textExpectation(`${old[1] === 'message' ? 'msg' : 'regex'}:${old[2]!}`);
  else if (/^expect(?:\s|$)/.test(line)) parseExpectLine(line, expected);
  else if (/^[+-]?(?:\d|\.\d|inf|nan)\S*$/i.test(line)) expected.scalar = parseNumber(line);
  else {
    const { metric, rest } = splitSeries(line);
    expected.series.push({ labels: parseMetric(metric), points: parsePoints(rest) });
  }
}

function parseExpectLine(line: string, expected: OpenExpectations): void {
  const match = /^expect\s+(fail|warn|info|no_warn|no_info|ordered|string|range vector)(?:\s+(.*))?$/.exec(line);
  if (match === null) throw new Error(`unknown expectation: ${line}`);
  const rest = match[2] ?? '';
  switch (match[1]) {
    case 'fail':
      if (expected.fail !== undefined) throw new Error('a query fails once');
      expected.fail = textExpectation(rest);
      return;
    case 'warn':
      expected.warnings.push(textExpectation(rest));
      return;
    case 'info':
      expected.infos.push(textExpectation(rest));
      return;
    case 'string':
      expected.text = unquote(rest);
      return;
    case 'range vector':
      expected.rangeVector = parseRangeVector(rest);
      return;
  }
  if (rest !== '') throw new Error(`unknown expectation: ${line}`);
  if (match[1] === 'no_warn') expected.noWarn = true;
  else if (match[1] === 'no_info') expected.noInfo = true;
  else expected.ordered = true;
}

/** Of two expectations that no answer can meet the second is wrong. */
function refuseContradiction({ fail, warnings, infos, noWarn, noInfo, ordered, text, scalar, series }: OpenExpectations): void {
  if (noWarn && warnings.length > 0) throw new Error('expects warnings and none');
  if (noInfo && infos.length > 0) throw new Error('expects infos and none');
  const hasValue = ordered || text !== undefined || scalar !== undefined || series.length > 0;
  if (fail !== undefined && hasValue) throw new Error('expects a failure and a value');
  if (Number(text !== undefined) + Number(scalar !== undefined) + Number(series.length > 0) > 1) throw new Error('expects values of several types');
}

const ANYTHING: TextExpectation = { matches: () => true, description: 'anything' };

function textExpectation(rest: string): TextExpectation {
  if (rest === '') return ANYTHING;
  const match = /^(msg|regex):\s*(.*)$/.exec(rest);
  if (match === null) throw new Error(`unknown expectation: ${rest}`);
  const wanted = match[2]!;
  if (match[1] === 'msg') return { matches: (text) => text === wanted, description: wanted };
  // In the syntax of the queries' own patterns: JavaScript knows no `(?i)` and no `\Q…\E`.
  const pattern = RE2JS.compile(wanted);
  return { matches: (text) => pattern.matcher(text).find(), description: `/${wanted}/` };
}

function parseRangeVector(rest: string): { startMs: number; endMs: number; stepMs: number } {
  const match = /^from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/.exec(rest);
  if (match === null) throw new Error(`unknown range vector: ${rest}`);
  return { startMs: parseDurationMs(match[1]!), endMs: parseDurationMs(match[2]!), stepMs: parseDurationMs(match[3]!) };
}

/** A string as PromQL writes it, in any of its three quotes. */
function unquote(text: string): string {
  const expr = parseExpr(text);
  if (expr.kind !== 'string') throw new Error(`not a string: ${text}`);
  return expr.value;
}
