import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { aggregation } from './aggregations.ts';
import { anyAggregation, anyBinary, anyCall } from './any-calls.ts';
import { binaryOperation } from './binary-operations.ts';
import { dateCall, elementCall, histogramCall, labelCall, sortCall, windowCall } from './calls.ts';
import { type Fragment, fragment, leastPrecise, noLongerDyadic, operandText, operation, type Precision } from './fragment.ts';
import { edgesCall, fillOperation, trimOperation } from './flagged-calls.ts';
import { nativeCall, nativeVector, newCall } from './native-calls.ts';
import { SelectorGrammar } from './selectors.ts';
import type { DataTimes, Dialect } from './timing.ts';

const PRECISIONS: readonly Precision[] = ['rounded', 'identical', 'dyadic'];
const TRIES = 6;

/**
 * Random well-typed expressions of what the dialect has. `depth` is how many operators may still lie above the leaves. Where a
 * precision is asked for, expressions are made until one has it; a selector of dyadic data always does.
 */
export class Grammar {
  readonly random: SeededRandom;
  readonly dialect: Dialect;
  readonly selectors: SelectorGrammar;

  constructor(random: SeededRandom, times: DataTimes, dialect: Dialect) {
    this.random = random;
    this.dialect = dialect;
    this.selectors = new SelectorGrammar(random, times, dialect);
  }

  vector(depth: number, atLeast: Precision = 'rounded'): Fragment {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const candidate = this.#anyVector(depth);
      if (PRECISIONS.indexOf(candidate.precision) >= PRECISIONS.indexOf(atLeast)) return candidate;
    }
    return this.leaf(atLeast === 'dyadic');
  }

  /** An instant selector. */
  leaf(isDyadic = false): Fragment {
    const selector = this.selectors.selector(undefined, isDyadic);
    if (isDyadic && selector.precision !== 'dyadic') return this.leaf(isDyadic);
    return fragment(selector.text + selector.modifiers, selector.labels, selector.precision);
  }

  scalar(depth: number, atLeast: Precision = 'rounded'): Fragment {
    const { random } = this;
    if (depth <= 0 || random.oneIn(2)) return this.number();
    switch (random.below(6)) {
      case 0:
        return fragment('time()', [], 'identical');
      case 1:
        return fragment('pi()', [], 'identical');
      case 2: {
        const vector = this.vector(depth - 1, atLeast);
        return fragment(`scalar(${vector.text})`, [], vector.precision);
      }
      case 3: {
        const [left, right] = [this.scalar(depth - 1, 'identical'), this.scalar(depth - 1, 'identical')];
        const comparison = random.pick(['==', '!=', '<', '<=', '>', '>=']);
        return operation(`${operandText(left)} ${comparison} bool ${operandText(right)}`, [], 'dyadic');
      }
      case 4: {
        const inner = this.scalar(depth - 1, atLeast);
        return operation(random.pick(['-', '+']) + operandText(inner), [], inner.precision);
      }
      default: {
        const [left, right] = [this.scalar(depth - 1, atLeast), this.scalar(depth - 1, atLeast)];
        const text = `${operandText(left)} ${random.pick(['+', '-', '*', '/'])} ${operandText(right)}`;
        return operation(text, [], noLongerDyadic(leastPrecise(left.precision, right.precision)));
      }
    }
  }

  number(): Fragment {
    const { random } = this;
    const odd = ['NaN', 'Inf', '-Inf', '1e3', '0x1F', '.5', '1.', '1e-2', '0'];
    const text = random.oneIn(12) ? random.pick(odd) : random.pick(['1', '2', '3', '0.5', '10', '64', '100', '7', '0.25', '-1', '-16']);
    return fragment(text, [], text === '1e-2' ? 'identical' : 'dyadic');
  }

  /** A subquery of something whose values jump only where both engines see it jump. */
  subquery(depth: number, atLeast: Precision): Fragment {
    const inner = this.vector(depth - 1, atLeast);
    return fragment(operandText(inner) + this.selectors.subqueryRange(), inner.labels, inner.precision);
  }

  labelNames(from: readonly string[]): readonly string[] {
    const { random } = this;
    const chosen = random.shuffle(from).slice(0, random.below(3));
    return random.oneIn(12) ? [...chosen, 'absent_label'] : chosen;
  }

  #anyVector(depth: number): Fragment {
    const { random } = this;
    if (depth <= 0 || random.oneIn(12)) return this.leaf();
    if (this.dialect === 'current' && random.oneIn(3)) return random.pick([anyCall, anyCall, anyAggregation, anyBinary, edgesCall, fillOperation, trimOperation])(this, depth);
    if (this.dialect !== 'old' && random.oneIn(4)) return random.pick([nativeCall, nativeVector, newCall])(this, depth);
    switch (random.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return windowCall(this, depth);
      case 4:
      case 5:
      case 6:
      case 7:
        return aggregation(this, depth);
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
        return binaryOperation(this, depth);
      case 13:
        return elementCall(this, depth);
      case 14:
        return histogramCall(this, depth);
      case 15:
        return labelCall(this, depth);
      case 16:
        return dateCall(this, depth);
      case 17:
        return random.oneIn(2) ? sortCall(this, depth) : this.#fromScalar(depth);
      case 18: {
        const inner = this.vector(depth - 1);
        return operation(random.pick(['-', '-', '+']) + operandText(inner), inner.labels, inner.precision);
      }
      default: {
        const inner = this.vector(depth - 1);
        return fragment(`(${inner.text})`, inner.labels, inner.precision);
      }
    }
  }

  #fromScalar(depth: number): Fragment {
    const scalar = this.scalar(depth - 1);
    return fragment(`vector(${scalar.text})`, [], scalar.precision);
  }
}
