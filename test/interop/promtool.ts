import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { AnswerSeries } from '../bench/prometheus-api.ts';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;
const TIMEOUT_MS = 60_000;

export interface RangeTimes {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Debian's `promtool`, a client that is not ours, asking one server. */
export class Promtool {
  readonly #path: string;
  readonly #serverUrl: string;

  constructor(path: string, serverUrl: URL) {
    this.#path = path;
    this.#serverUrl = serverUrl.href;
  }

  async instant(expression: string, timeMs: number): Promise<AnswerSeries[]> {
    return parseInstant(await this.#ask(['query', 'instant', `--time=${unixSeconds(timeMs)}`, this.#serverUrl, expression]));
  }

  async range(expression: string, { startMs, endMs, stepMs }: RangeTimes): Promise<AnswerSeries[]> {
    const times = [`--start=${unixSeconds(startMs)}`, `--end=${unixSeconds(endMs)}`, `--step=${stepMs}ms`];
    return parseRange(await this.#ask(['query', 'range', ...times, this.#serverUrl, expression]));
  }

  async #ask(args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.#path, [...args], { maxBuffer: OUTPUT_BYTES_MAX, timeout: TIMEOUT_MS });
    return stdout;
  }
}

/**
 * An instant answer is one line a series, `labels => value @[seconds]`; a scalar's line begins `scalar: value`. A matrix (`up[10s]`) looks
 * like the answer to a range query.
 */
export function parseInstant(text: string): AnswerSeries[] {
  const lines = linesOf(text);
  if (lines.some((line) => line.endsWith(' =>'))) return parseRange(text);
  return lines.map((line) => {
    if (line.startsWith('scalar: ')) return { key: 'scalar', points: [parsePoint(line.slice('scalar: '.length))] };
    const arrow = line.lastIndexOf(' => ');
    if (arrow < 0) throw new Error(`not an instant answer: ${line}`);
    return { key: line.slice(0, arrow), points: [parsePoint(line.slice(arrow + ' => '.length))] };
  });
}

/** A range answer is a line `labels =>` a series, and under it one line `value @[seconds]` a point. */
export function parseRange(text: string): AnswerSeries[] {
  const answer: { key: string; points: (readonly [number, number])[] }[] = [];
  for (const line of linesOf(text)) {
    if (line.endsWith(' =>')) {
      answer.push({ key: line.slice(0, -' =>'.length), points: [] });
      continue;
    }
    const series = answer.at(-1);
    if (series === undefined) throw new Error(`not a range answer: ${line}`);
    series.points.push(parsePoint(line));
  }
  return answer;
}

function parsePoint(text: string): readonly [number, number] {
  const match = /^(\S+) @\[([\d.]+)\]$/.exec(text);
  if (match === null) throw new Error(`not a point: ${text}`);
  return [Number(match[2]), parseValue(match[1]!)];
}

function parseValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  const value = Number(text);
  if (Number.isNaN(value) && text !== 'NaN') throw new Error(`not a value: ${text}`);
  return value;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function unixSeconds(timestampMs: number): string {
  return (timestampMs / 1000).toFixed(3);
}
