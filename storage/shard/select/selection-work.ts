import type { TestCost } from '../../model/test-cost.ts';
import { VarveError } from '../../runtime/errors.ts';
import { LIMITS } from '../../runtime/limits.ts';

/** Which series are meant cannot be found out: it would take too long. */
export interface SelectionRefused {
  readonly status: 'refused';
  /** It is no limit of the caller's own. */
  readonly limit: false;
  readonly message: string;
}

/** The two may be lower than those of LIMITS, for who must be done sooner. */
export type SelectionLimits = Readonly<Record<'selectionSeriesMax' | 'selectionMatchWorkMax', number>>;

/**
 * Counts what finding series by matchers takes, before it is done: a shard does nothing else meanwhile, nor can it tell how long it has been at
 * it, since its clock stands still. One for all that a query asks of a shard, for each other call of it, and for each reading of the archive by
 * a Worker. Throws a limit error.
 */
export class SelectionWork {
  readonly #limits: SelectionLimits;
  #seen = 0;
  #testWork = 0;

  constructor(limits: SelectionLimits = LIMITS) {
    this.#limits = limits;
  }

  /** So many series will be looked at. */
  see(count: number): void {
    this.#seen += count;
    const { selectionSeriesMax } = this.#limits;
    if (this.#seen > selectionSeriesMax) throw tooMuch(`the matchers look at too many series (selectionSeriesMax is ${selectionSeriesMax}); send fewer selectors, or narrower ones`);
  }

  /** So many values of so many characters in all will be tested. */
  test(valueCount: number, characterCount: number, { perValue, perCharacter }: TestCost): void {
    this.#spend(valueCount * perValue + characterCount * perCharacter);
  }

  /** One has been tested, and was so much work beyond that (CompiledMatcher). */
  tested(slowWork: number): void {
    if (slowWork > 0) this.#spend(slowWork);
  }

  #spend(testWork: number): void {
    this.#testWork += testWork;
    const { selectionMatchWorkMax } = this.#limits;
    if (this.#testWork > selectionMatchWorkMax) throw tooMuch(`the matchers take too long for so many values of labels (selectionMatchWorkMax is ${selectionMatchWorkMax}); send fewer selectors, or simpler patterns`);
  }
}

/** What `body` answers, or why the series that it is about are not looked for: an error would lose its kind on the way to the caller. */
export function orSelectionRefused<T>(body: () => T): T | SelectionRefused {
  try {
    return body();
  } catch (error) {
    if (error instanceof TooMuchSelection) return { status: 'refused', limit: false, message: error.message };
    throw error;
  }
}

class TooMuchSelection extends VarveError {}

function tooMuch(message: string): TooMuchSelection {
  return new TooMuchSelection('limit', message);
}
