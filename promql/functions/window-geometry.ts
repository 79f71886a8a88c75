import type { Windows } from '../operators/windows.ts';
import { EDGE_TOLERANCE } from './extrapolation.ts';
import type { WindowInput } from './window-function.ts';

/** What rates need of windows with two samples or more that hangs on timestamps alone, by step from `firstStep` on. See extrapolation.ts. */
export interface WindowGeometry {
  readonly firstStep: number;
  readonly sampledSeconds: Float64Array;
  readonly toStartSeconds: Float64Array;
  readonly toEndSeconds: Float64Array;
  /** The factor of extrapolation where the counter's zero is not in the way, over what the difference is divided by. */
  readonly factors: Float64Array;
  /** A first value above so many times the difference is plainly too far from zero for that. */
  readonly nearZeroRatios: Float64Array;
  /** Whether each window has two samples or more. */
  readonly isWhole: boolean;
}

/** What it is made of: timestamps and windows, and no values. */
export type GeometryInput = Pick<WindowInput, 'floatWindows' | 'rangeMs' | 'reference'> & { readonly floats: Pick<WindowInput['floats'], 'timestampsMs'> };

/** More than rounding can make of a quotient. */
const MARGIN = 1 + 1e-9;

const ARRAYS = 5;

/** Over more steps, of which only a subquery has as many, the geometry is made for so many at a time and not kept: it takes more than all else. */
export const GEOMETRY_STEPS_MAX = 16 * 1024;

/** What is kept of each of so many steps. */
export function geometryBytesPerStep(stepCount: number): number {
  return stepCount > GEOMETRY_STEPS_MAX ? 0 : ARRAYS * Float64Array.BYTES_PER_ELEMENT;
}

/** Series with the same timestamps have the same windows, the very object; and windows are of one call, which has one divisor. */
const known = new WeakMap<Windows, WindowGeometry>();

/** That of all steps. `divisor` is the seconds of the range where a rate is asked for, else 1. */
export function geometryOf(input: WindowInput, divisor: number): WindowGeometry {
  let geometry = known.get(input.floatWindows);
  if (geometry === undefined) known.set(input.floatWindows, (geometry = computeGeometry(input, divisor, 0, input.floatWindows.from.length)));
  return geometry;
}

/**
 * That of the steps from `firstStep` up to, not including, `endStep`: in one loop without objects, for it runs once a step wherever each series
 * has timestamps of its own. To the bit what `reachOf` says.
 */
export function computeGeometry(input: GeometryInput, divisor: number, firstStep: number, endStep: number): WindowGeometry {
  const { timestampsMs } = input.floats;
  const { from, to } = input.floatWindows;
  const { rangeMs, reference } = input;
  const sampledSeconds = new Float64Array(endStep - firstStep);
  const toStartSeconds = new Float64Array(endStep - firstStep);
  const toEndSeconds = new Float64Array(endStep - firstStep);
  const factors = new Float64Array(endStep - firstStep);
  const nearZeroRatios = new Float64Array(endStep - firstStep);
  let isWhole = true;
  for (let step = firstStep; step < endStep; step++) {
    const at = step - firstStep;
    const first = from[step]!;
    const last = to[step]! - 1;
    if (last <= first) {
      isWhole = false;
      continue;
    }
    const rangeEndMs = reference.firstMs + step * reference.stepMs;
    const firstMs = timestampsMs[first]!;
    const lastMs = timestampsMs[last]!;
    const sampled = (lastMs - firstMs) / 1000;
    const average = sampled / (last - first);
    const threshold = average * EDGE_TOLERANCE;
    let toEnd = (rangeEndMs - lastMs) / 1000;
    if (toEnd >= threshold) toEnd = average / 2;
    let toStart = (firstMs - (rangeEndMs - rangeMs)) / 1000;
    if (toStart >= threshold) toStart = average / 2;
    sampledSeconds[at] = sampled;
    toStartSeconds[at] = toStart;
    toEndSeconds[at] = toEnd;
    factors[at] = (sampled + toStart + toEnd) / sampled / divisor;
    nearZeroRatios[at] = (toStart / sampled) * MARGIN;
  }
  return { firstStep, sampledSeconds, toStartSeconds, toEndSeconds, factors, nearZeroRatios, isWhole };
}
