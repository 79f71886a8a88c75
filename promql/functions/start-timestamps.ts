export { isStartReset } from '../../storage/model/counter-reset.ts';

/** Whether a sample claims to have begun before the previous sample, though not with it: the two cover the same time. */
export function isStartOverlap(previousStartMs: number, previousMs: number, startMs: number): boolean {
  return startMs !== 0 && startMs < previousMs && startMs !== previousStartMs;
}
