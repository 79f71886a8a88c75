import { parseExpr, parseMetric } from '../../promql/parser/index.ts';
import { labelsKey } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
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
  readonly line: number;
  readonly text: string;
  readonly message: string;
}

export type Command = { readonly kind: 'clear' } | LoadCommand | EvalCommand | InvalidCommand;

/** Parses a script, block by block. */
export function parseScript(text: string): Command[] {
  const lines = text.split('\n').map((line) => line.trim());
  const commands: Command[] = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i]!;
    const first = i;
    i++;
    if (isEnd(line)) continue;
    const block: string[] = [];
    if (!isClear(line)) while (i < lines.length && !isEnd(lines[i]!)) block.push(lines[i++]!);
    try {
      commands.push(parseBlock(line, block, first + 1));
    } catch (error) {
      commands.push({ kind: 'invalid', line: first + 1, text: line, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return commands;
}

function isClear(line: string): boolean {
  return line.toLowerCase() === 'clear';
}

function isEnd(line: string): boolean {
  return line === '' || line.startsWith('#');
}

function parseBlock(line: string, block: readonly string[], lineNumber: number): Command {
  if (isClear(line)) return { kind: 'clear' };
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
  const times = { kind: 'range', startMs, endMs, stepMs } as const;
  return { kind: 'eval', line: lineNumber, query: range[5]!, times, expected: parseExpectations(block, range[1]) };
}

function parseLoad(intervalMs: number, withCustomBuckets: boolean, block: readonly string[]): LoadCommand {
  const series: SeriesLine[] = [];
  const starts = new Map<string, readonly (number | undefined)[]>();
  for (const line of block) {
    const { metric, rest } = splitSeries(line);
    if (metric.endsWith('@st')) starts.set(labelsKey(parseMetric(metric.slice(0, -3))), parseStartPoints(rest));
    else series.push({ labels: parseMetric(metric), points: parsePoints(rest) });
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

function parseExpectations(block: readonly string[], oldKind: string | undefined): Expectations {
  const warnings: TextExpectation[] = oldKind === 'warn' ? [ANYTHING] : [];
  const infos: TextExpectation[] = oldKind === 'info' ? [ANYTHING] : [];
  const series: SeriesLine[] = [];
  let fail: TextExpectation | undefined = oldKind === 'fail' ? ANYTHING : undefined;
  let noWarn = false;
  let noInfo = false;
  let ordered = oldKind === 'ordered';
  let text: string | undefined;
  let rangeVector: Expectations['rangeVector'];
  let scalar: number | undefined;
  for (const line of block) {
    const expect = /^expect\s+(fail|warn|info|no_warn|no_info|ordered|string|range vector)\s*(.*)$/.exec(line);
    const old = /^expected_fail_(message|regexp)\s+(.*)$/.exec(line);
    if (old !== null) fail = textExpectation(`${old[1] === 'message' ? 'msg' : 'regex'}:${old[2]!}`);
    else if (expect !== null) {
      const rest = expect[2]!;
      switch (expect[1]) {
        case 'fail':
          fail = textExpectation(rest);
          break;
        case 'warn':
          warnings.push(textExpectation(rest));
          break;
        case 'info':
          infos.push(textExpectation(rest));
          break;
        case 'no_warn':
          noWarn = true;
          break;
        case 'no_info':
          noInfo = true;
          break;
        case 'ordered':
          ordered = true;
          break;
        case 'string':
          text = unquote(rest);
          break;
        default:
          rangeVector = parseRangeVector(rest);
      }
    } else if (/^[+-]?(?:\d|\.\d|inf|nan)\S*$/i.test(line)) scalar = parseNumber(line);
    else {
      const { metric, rest } = splitSeries(line);
      series.push({ labels: parseMetric(metric), points: parsePoints(rest) });
    }
  }
  return { fail, warnings, infos, noWarn, noInfo, ordered, text, rangeVector, scalar, series };
}

const ANYTHING: TextExpectation = { matches: () => true, description: 'anything' };

function textExpectation(rest: string): TextExpectation {
  if (rest === '') return ANYTHING;
  const match = /^(msg|regex):\s*(.*)$/.exec(rest);
  if (match === null) throw new Error(`unknown expectation: ${rest}`);
  const wanted = match[2]!;
  if (match[1] === 'msg') return { matches: (text) => text === wanted, description: wanted };
  const pattern = new RegExp(wanted);
  return { matches: (text) => pattern.test(text), description: `/${wanted}/` };
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
