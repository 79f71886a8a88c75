import type { Matcher } from '../../storage/model/matcher.ts';
import type { SelectorSource } from '../plan/plan-node.ts';
import { lastReferenceMs } from '../plan/step-grid.ts';

/** A selector for explain: its matchers, the times it looks at, and which read of the source it takes from. */
export function describeSelector(source: SelectorSource): string {
  const matchers = source.matchers.map(describeMatcher).join(', ');
  const edges = source.edges === undefined ? '' : ` ${source.edges}`;
  return `{${matchers}}${edges} at ${source.reference.firstMs}..${lastReferenceMs(source.reference)} from fetch ${source.fetch}`;
}

export function describeMatcher(matcher: Matcher): string {
  return `${matcher.name}${matcher.type}${JSON.stringify(matcher.value)}`;
}
