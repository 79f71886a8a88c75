/**
 * What a test of label values takes, in about nanoseconds of a processor of 2024: whoever does nothing else meanwhile, by a clock that stands
 * still, adds it up to know how long it has been at it (SelectionWork).
 */
export interface TestCost {
  readonly perValue: number;
  /** Of a value's characters (UTF-16 units). */
  readonly perCharacter: number;
}

/** Comparing with one text, or looking it up. */
export const COMPARING: TestCost = { perValue: 20, perCharacter: 0 };
