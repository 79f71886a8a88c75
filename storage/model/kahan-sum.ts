/**
 * One addend onto a compensated sum, and the error it left behind (Kahan's sum as improved by Neumaier, "Rundungsfehleranalyse einiger
 * Verfahren zur Summation endlicher Summen", 1974). Sums of one kind are to agree to the bit with Prometheus', whose sums are made so.
 *
 * The true sum is `sum + compensation`. An infinite sum has no error to make good.
 */
export class KahanSum {
  sum: number;
  compensation = 0;

  constructor(sum = 0) {
    this.sum = sum;
  }

  add(value: number): void {
    const { sum } = this;
    const next = sum + value;
    this.compensation = nextCompensation(value, sum, next, this.compensation);
    this.sum = next;
  }

  value(): number {
    return this.sum + this.compensation;
  }
}

/** For columns of sums, where an object for each would be too much. `next` is `sum + value`. */
export function nextCompensation(value: number, sum: number, next: number, compensation: number): number {
  if (next === Infinity || next === -Infinity) return 0;
  return Math.abs(sum) >= Math.abs(value) ? compensation + (sum - next + value) : compensation + (value - next + sum);
}
