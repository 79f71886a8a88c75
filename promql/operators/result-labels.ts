import { dropLabels, keepLabels, labelValue, setLabel } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { ElementOp } from '../plan/plan-node.ts';
import type { VectorMatching } from '../parser/ast.ts';
import { keepsMetric } from '../parser/operators.ts';
import type { EngineFeatures } from './execution-context.ts';
import { withoutMetadata } from './name-labels.ts';

/** The labels of a binary operation's results. */
export class ResultLabels {
  readonly #matching: VectorMatching;
  readonly #names: ReadonlySet<string>;
  readonly #dropsName: boolean;

  constructor(op: ElementOp, returnBool: boolean, matching: VectorMatching, features: EngineFeatures) {
    this.#matching = matching;
    this.#names = new Set(matching.labels);
    // Arithmetic makes something new of the metric; a trimmed histogram or a filtered sample is still the metric.
    const isArithmetic = !keepsMetric(op);
    this.#dropsName = isArithmetic || (returnBool && !features.delayedNameRemoval);
  }

  /** `many` is the left side, or the side that group_left or group_right calls the many. */
  of(many: Labels, one: Labels): Labels {
    let labels = this.#dropsName ? withoutMetadata(many) : many;
    if (this.#matching.card === 'one-to-one') labels = this.#matching.on ? keepLabels(labels, this.#names) : dropLabels(labels, this.#names);
    for (const name of this.#matching.include) labels = setLabel(labels, name, labelValue(one, name));
    return labels;
  }
}
