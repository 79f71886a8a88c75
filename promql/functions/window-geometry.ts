import type { Windows } from '../operators/windows.ts';
import { reachOf } from './extrapolation.ts';
import { windowEndMs } from './window-function.ts';
import type { WindowInput } from './window-function.ts';

/** What rates need of windows with two samples or more that hangs on timestamps alone, by step. See extrapolation.ts. */
export interface WindowGeometry {
  readonly sampledSeconds: Float64Array;
  readonly toStartSeconds: Float64Array;
  readonly toEndSeconds: Float64Array;
  /** The factor of extrapolation where the counter's zero is not in the way. */
  readonly factors: Float64Array;
}

/** Series with the same timestamps have the same windows, the very object. */
const known = new WeakMap<Windows, WindowGeometry>();

export function geometryOf(input: WindowInput): WindowGeometry {
  let geometry = known.get(input.floatWindows);
  if (geometry === undefined) known.set(input.floatWindows, (geometry = computeGeometry(input)));
  return geometry;
}

function computeGeometry(input: WindowInput): WindowGeometry {
  const { timestampsMs } = input.floats;
  const { from, to } = input.floatWindows;
  const sampledSeconds = new Float64Array(from.length);
  const toStartSeconds = new Float64Array(from.length);
  const toEndSeconds = new Float64Array(from.length);
  const factors = new Float64Array(from.length);
  for (let step = 0; step < from.length; step++) {
    const first = from[step]!;
    const last = to[step]! - 1;
    if (last <= first) continue;
    const rangeEndMs = windowEndMs(input, step);
    const reach = reachOf({
      rangeStartMs: rangeEndMs - input.rangeMs, rangeEndMs, firstMs: timestampsMs[first]!, lastMs: timestampsMs[last]!, sampleCount: last - first + 1,
    });
    sampledSeconds[step] = reach.sampledSeconds;
    toStartSeconds[step] = reach.toStartSeconds;
    toEndSeconds[step] = reach.toEndSeconds;
    factors[step] = (reach.sampledSeconds + reach.toStartSeconds + reach.toEndSeconds) / reach.sampledSeconds;
  }
  return { sampledSeconds, toStartSeconds, toEndSeconds, factors };
}
