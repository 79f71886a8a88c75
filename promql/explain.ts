import type { Budget } from './budget.ts';
import type { FetchedSeries } from './operators/fetched-series.ts';
import { formatMs } from './operators/measured.ts';
import { explainTree } from './operators/operator.ts';
import type { Operator } from './operators/operator.ts';
import type { Fetch } from './plan/plan-node.ts';

/** `plan`: what would be done. `analyze`: what was done, with times and counts. */
export type ExplainMode = 'plan' | 'analyze';

/** The lines for a range vector that is itself the answer: it has no operator of its own. */
export interface RootLines {
  readonly text: string;
  readonly input: Operator | undefined;
}

/** A plan as text: one operator a line with its inputs indented below, then the reads that the operators share. */
export function planText(root: Operator | RootLines, fetches: readonly Fetch[]): string {
  return [rootText(root), ...fetches.map(fetchText)].join('\n');
}

/** The same after the query has run: every line with what it took, then the whole. */
export function analyzedText(root: Operator | RootLines, fetches: readonly Fetch[], fetched: readonly FetchedSeries[], budget: Budget, totalMs: number): string {
  const reads = fetches.map((fetch, index) => {
    const { waitMs, seriesCount, sampleCount } = fetched[index]!;
    return `${fetchText(fetch, index)} [${formatMs(waitMs)}, ${seriesCount} series, ${sampleCount} samples]`;
  });
  const counts = `${budget.samplesRead} samples read, ${budget.totalQueryableSamples} looked at, ${budget.peakSamples} held at most`;
  return [rootText(root), ...reads, `total [${formatMs(totalMs)}, ${counts}]`].join('\n');
}

function rootText(root: Operator | RootLines): string {
  if ('explain' in root) return explainTree(root);
  return [root.text, ...(root.input === undefined ? [] : [explainTree(root.input, 1)])].join('\n');
}

function fetchText({ startMs, endMs, consumerCount }: Fetch, index: number): string {
  return `fetch ${index}: ${startMs}..${endMs} for ${consumerCount}`;
}
