import { SAMPLE_BYTES, type Budget } from '../budget.ts';

/**
 * Columns by step that an operator keeps from one series to the next, in the budget for as long. Over a range of 11,000 steps they are next to
 * nothing, but a subquery may have a million, and a query names many operators in few characters.
 */
export class HeldColumns {
  readonly #budget: Budget;
  readonly #samples: number;
  #isHeld = false;

  /** `bytesPerStep` is what all of the columns take of each of `stepCount` steps. */
  constructor(budget: Budget, stepCount: number, bytesPerStep: number) {
    this.#budget = budget;
    this.#samples = Math.ceil((stepCount * bytesPerStep) / SAMPLE_BYTES);
  }

  /** Before they are made; more often does no harm. Throws limit when there is no room for them. */
  hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#budget.holdWorking(this.#samples);
  }

  /** When they are let go of; more often does no harm. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#budget.releaseWorking(this.#samples);
  }
}
