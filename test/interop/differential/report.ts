import { childrenOf, type Expr, parseSyntax, printExpression, type VectorSelector } from '../../../promql/parser/index.ts';
import type { AnswerSeries } from '../../bench/prometheus-api.ts';
import type { Answer, Answering } from './answers.ts';
import type { Comparison } from './comparison.ts';
import type { Query } from './random-queries.ts';

const LINES_MAX = 40;
const POINTS_MAX = 60;
/** What is shown of the data reaches back this far behind the evaluation time. */
const DATA_RANGE = '15m';

function describeQuery(query: Query): string {
  const times = 'timeMs' in query ? `at ${query.timeMs} ms` : `from ${query.startMs} ms to ${query.endMs} ms, step ${query.stepMs} ms`;
  return `${query.expression}\n       ${times}`;
}

/** Everything that is needed to understand one failure: query, both answers, and the samples behind them as seconds from the evaluation. */
export async function describeFailure({ query, wanted, got, difference }: Comparison, server: Answering): Promise<string> {
  const timeMs = 'timeMs' in query ? query.timeMs : query.endMs;
  return [
    `       ${describeQuery(query)}`,
    `       ${difference?.text ?? 'no difference'}`,
    ...describeAnswer('wanted', wanted, timeMs),
    ...describeAnswer('got', got, timeMs),
    ...(await describeData(query, timeMs, server)),
  ].join('\n');
}

function describeAnswer(title: string, answer: Answer, timeMs: number): string[] {
  if (answer.kind === 'error') return [`       ${title} ${answer.errorType}: ${answer.text}`];
  return limited([`       ${title} ${answer.resultType}`, ...answer.series.map((series) => describeSeries(series, timeMs))]);
}

function describeSeries({ key, points }: AnswerSeries, timeMs: number): string {
  const shown = points.slice(-POINTS_MAX).map(([timestampSeconds, value]) => `${value}@${Math.round(timestampSeconds * 1000 - timeMs) / 1000}`);
  return `         ${key} ${points.length > POINTS_MAX ? '… ' : ''}${shown.join(' ')}`;
}

async function describeData(query: Query, timeMs: number, server: Answering): Promise<string[]> {
  const lines: string[] = [];
  for (const selector of selectorsOf(query.expression)) {
    const bare = printExpression({ ...selector, at: undefined, offsetMs: 0 });
    const answer = await server.ask({ expression: `${bare}[${DATA_RANGE}]`, timeMs });
    lines.push(...describeAnswer(`data of ${bare}:`, answer, timeMs));
  }
  return lines;
}

function selectorsOf(expression: string): VectorSelector[] {
  const found: VectorSelector[] = [];
  const walk = (expr: Expr): void => {
    if (expr.kind === 'vector') found.push(expr);
    for (const child of childrenOf(expr)) walk(child);
  };
  try {
    walk(parseSyntax(expression));
  } catch {
    return [];
  }
  return found;
}

function limited(lines: readonly string[]): string[] {
  return lines.length <= LINES_MAX ? [...lines] : [...lines.slice(0, LINES_MAX), `         … and ${lines.length - LINES_MAX} more`];
}
