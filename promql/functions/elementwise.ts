import { goMax, goMin } from '../../storage/model/go-math/extremes.ts';

/** A function of one float at a time. `args` are the scalar arguments at the same step. */
export type FloatFunction = (value: number, args: readonly number[]) => number;

/** As FloatFunction, but undefined leaves the step without a value. */
export type PartialFloatFunction = (value: number, args: readonly number[]) => number | undefined;

export function clamp(value: number, args: readonly number[]): number | undefined {
  return clampBetween(value, args[0]!, args[1]!);
}

export function clampMin(value: number, args: readonly number[]): number | undefined {
  return clampBetween(value, args[0]!, Infinity);
}

export function clampMax(value: number, args: readonly number[]): number | undefined {
  return clampBetween(value, -Infinity, args[0]!);
}

function clampBetween(value: number, lowest: number, highest: number): number | undefined {
  return highest < lowest ? undefined : goMax(lowest, goMin(highest, value));
}

/** To the nearest multiple, halves up. Dividing by the inverse keeps decimal fractions clean. */
export function round(value: number, args: readonly number[]): number {
  const inverse = 1 / (args[0] ?? 1);
  return Math.floor(value * inverse + 0.5) / inverse;
}

export function sgn(value: number): number {
  return value < 0 ? -1 : value > 0 ? 1 : value;
}

export function deg(value: number): number {
  return value * (180 / Math.PI);
}

export function rad(value: number): number {
  return value * (Math.PI / 180);
}
