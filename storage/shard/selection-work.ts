import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';

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
  #matchWork = 0;

  constructor(limits: SelectionLimits = LIMITS) {
    this.#limits = limits;
  }

  /** So many series, or values of a label, will be looked at. */
  see(count: number): void {
    this.#seen += count;
    const { selectionSeriesMax } = this.#limits;
    if (this.#seen > selectionSeriesMax) throw tooMuch(`the matchers look at too many series and values of labels (selectionSeriesMax is ${selectionSeriesMax}); send fewer selectors, or narrower ones`);
  }

  /** Texts of so many characters in all will be matched against a pattern of so many instructions. */
  match(characterCount: number, programSize: number): void {
    this.#spend(characterCount * programSize);
  }

  /** One has been matched, and was so much work beyond that (CompiledRegex). */
  matched(slowWork: number): void {
    if (slowWork > 0) this.#spend(slowWork);
  }

  #spend(matchWork: number): void {
    this.#matchWork += matchWork;
    const { selectionMatchWorkMax } = this.#limits;
    if (this.#matchWork > selectionMatchWorkMax) throw tooMuch(`a regular expression is too large for so many values of its label (selectionMatchWorkMax is ${selectionMatchWorkMax}); use a simpler one`);
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
