import { dropLabels, keepLabels, labelsKey, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { VectorMatching } from '../parser/ast.ts';

/** The labels by which series of two vectors find each other. */
export class MatchSignature {
  readonly #on: boolean;
  readonly #names: ReadonlySet<string>;

  constructor(matching: VectorMatching) {
    this.#on = matching.on;
    this.#names = new Set(matching.on ? matching.labels : [...matching.labels, METRIC_NAME]);
  }

  labelsOf(labels: Labels): Labels {
    return this.#on ? keepLabels(labels, this.#names) : dropLabels(labels, this.#names);
  }

  keyOf(labels: Labels): string {
    return labelsKey(this.labelsOf(labels));
  }
}

export function describeMatching(matching: VectorMatching): string {
  const parts = [matching.card, `${matching.on ? 'on' : 'ignoring'} (${matching.labels.join(', ')})`];
  if (matching.include.length > 0) parts.push(`including (${matching.include.join(', ')})`);
  if (matching.fillLeft !== undefined) parts.push(`filling left with ${matching.fillLeft}`);
  if (matching.fillRight !== undefined) parts.push(`filling right with ${matching.fillRight}`);
  return parts.join(' ');
}
