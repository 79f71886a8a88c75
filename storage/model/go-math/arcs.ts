/** Arc functions to the bit as Go has them, after S. L. Moshier's Cephes library. */

const HALF_PI = Math.PI / 2;
/** What π/2 is more than its float64. */
const HALF_PI_REST = 6.123233995736765886130e-17;
const TAN_OF_THREE_EIGHTHS_PI = 2.41421356237309504880;
const TWO_THIRDS = 0.66;

export function atan(x: number): number {
  if (x === 0) return x;
  return x > 0 ? atanOfPositive(x) : -atanOfPositive(-x);
}

function atanOfPositive(x: number): number {
  if (x <= TWO_THIRDS) return atanNearZero(x);
  if (x > TAN_OF_THREE_EIGHTHS_PI) return HALF_PI - atanNearZero(1 / x) + HALF_PI_REST;
  return Math.PI / 4 + atanNearZero((x - 1) / (x + 1)) + 0.5 * HALF_PI_REST;
}

function atanNearZero(x: number): number {
  const z = x * x;
  const numerator = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z - 1.228866684490136173410e2) * z - 6.485021904942025371773e1;
  const denominator = ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z + 4.853903996359136964868e2) * z + 1.945506571482613964425e2;
  return x * ((z * numerator) / denominator) + x;
}

export function asin(x: number): number {
  if (x === 0) return x;
  const magnitude = Math.abs(x);
  if (magnitude > 1) return NaN;
  const other = Math.sqrt(1 - magnitude * magnitude);
  const value = magnitude > 0.7 ? HALF_PI - atanOfPositive(other / magnitude) : atanOfPositive(magnitude / other);
  return x < 0 ? -value : value;
}

export function acos(x: number): number {
  return HALF_PI - asin(x);
}

/** The angle of the point (x, y). */
export function atan2(y: number, x: number): number {
  // Where there is nothing to calculate all agree.
  if (y === 0 || x === 0 || !Number.isFinite(x) || !Number.isFinite(y)) return Math.atan2(y, x);
  const angle = atan(y / x);
  if (x > 0) return angle;
  return angle <= 0 ? angle + Math.PI : angle - Math.PI;
}
