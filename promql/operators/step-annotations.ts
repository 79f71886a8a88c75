import { assert } from '../../storage/runtime/assert.ts';
import type { Annotation } from '../annotations.ts';

/** So many texts have numbers of a byte; an operator has a handful. */
const TEXTS_MAX = 255;

/**
 * What a binary operator between vectors says of pairs of samples. As in Prometheus, of all pairs at a step that anything is said of only the
 * last is told. A subquery may have a million steps, and something to say at each: a step takes one byte.
 */
export class StepAnnotations {
  readonly #stepCount: number;
  readonly #known: Annotation[] = [];
  /** By step, the number of what is said, from 1. There are none while nothing has been said. */
  #numbers: Uint8Array | undefined;

  constructor(stepCount: number) {
    this.#stepCount = stepCount;
  }

  /** In place of what was said of an earlier pair at the step. */
  set(step: number, annotation: Annotation): void {
    let index = this.#known.findIndex(({ text }) => text === annotation.text);
    if (index === -1) index = this.#known.push(annotation) - 1;
    assert(index < TEXTS_MAX, 'the texts of an operator have numbers of a byte');
    this.#numbers ??= new Uint8Array(this.#stepCount);
    this.#numbers[step] = index + 1;
  }

  /** Those that are told of any step. */
  told(): Annotation[] {
    return this.#known.filter((_, index) => this.#numbers!.includes(index + 1));
  }
}
