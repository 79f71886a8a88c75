import type { PlanSettings } from './build-plan.ts';

/** What the query itself is asked for, in seconds: `start()`, `end()`, `range()` and `step()`. */
export function queryContextSeconds(name: 'start' | 'end' | 'range' | 'step', settings: PlanSettings): number {
  switch (name) {
    case 'start':
      return settings.grid.startMs / 1000;
    case 'end':
      return settings.endMs / 1000;
    case 'range':
      return durationSeconds(settings.endMs - settings.grid.startMs);
    case 'step':
      return durationSeconds(settings.stepMs);
  }
}

/** As Go makes seconds of a duration, whole ones and the rest apart: 4.56 s are 4.5600000000000005. */
function durationSeconds(durationMs: number): number {
  return Math.trunc(durationMs / 1000) + (durationMs % 1000) / 1000;
}
