import type { StartTimer } from '../storage/runtime/timer.ts';

/**
 * What a wait comes to, or that it took too long. (Not by racing many waits against one promise of a timer's: that promise would keep every
 * race, and with it all that came out of one, until the end.) No timer outlives its wait.
 */
export function orExpired<T>(wait: () => Promise<T>, durationMsMax: number, startTimer: StartTimer): Promise<T | 'expired'> {
  return new Promise((resolve, reject) => {
    const stopTimer = startTimer(durationMsMax, () => resolve('expired'));
    wait().then(resolve, reject).finally(stopTimer);
  });
}
