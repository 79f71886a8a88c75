import { secondsOf } from '../parser/durations.ts';
import type { PlanSettings } from './build-plan.ts';

/** What the query itself is asked for, in seconds: `start()`, `end()`, `range()` and `step()`. */
export function queryContextSeconds(name: 'start' | 'end' | 'range' | 'step', settings: PlanSettings): number {
  switch (name) {
    case 'start':
      return settings.grid.startMs / 1000;
    case 'end':
      return settings.endMs / 1000;
    case 'range':
      return secondsOf(settings.endMs - settings.grid.startMs);
    case 'step':
      return secondsOf(settings.stepMs);
  }
}
