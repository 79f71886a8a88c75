import { dropLabels, keepLabels, labelsKey, labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { Grouping } from '../plan/plan-node.ts';

/** Which group of an aggregation a series belongs to. Asked once a series. */
export class LabelGrouping {
  readonly #without: boolean;
  readonly #names: readonly string[];
  readonly #nameSet: ReadonlySet<string>;

  constructor(grouping: Grouping) {
    this.#without = grouping.without;
    this.#names = grouping.labels;
    this.#nameSet = grouping.without ? new Set([...grouping.labels, METRIC_NAME]) : new Set(grouping.labels);
  }

  /** Equal exactly for series of one group. */
  keyOf(labels: Labels): string {
    if (this.#without) return labelsKey(dropLabels(labels, this.#nameSet));
    let key = '';
    for (const name of this.#names) {
      const value = labelValue(labels, name);
      key += `${value.length}:${value}`;
    }
    return key;
  }

  /** The labels of the group that a series belongs to. */
  labelsOf(labels: Labels): Labels {
    return this.#without ? dropLabels(labels, this.#nameSet) : keepLabels(labels, this.#nameSet);
  }

  toString(): string {
    return `${this.#without ? 'without' : 'by'} (${this.#names.join(', ')})`;
  }
}
