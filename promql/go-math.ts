/* Arithmetic of float64 where Go's differs from JavaScript's. */

/** IEEE 754's pow, as Go has it: 1 to any power is 1, and so is -1 to an infinite one. JavaScript says NaN. */
export function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1;
  return base ** exponent;
}

/** Go's Min: an infinity at the low end wins over NaN. */
export function goMin(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}

/** Go's Max: an infinity at the high end wins over NaN. */
export function goMax(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}
