import { LIMITS } from '../../storage/runtime/limits.ts';

/** The limits with some made small, so that a test reaches them. */
export function limitsWith(changes: Partial<Record<keyof typeof LIMITS, number>>): typeof LIMITS {
  return { ...LIMITS, ...changes } as typeof LIMITS;
}
