import type { Alarm } from '../../storage/runtime/alarm.ts';

/** The platform's one alarm, that remembers what it was set for and how often. */
export class MemoryAlarm implements Alarm {
  setForMs: number | undefined;
  sets = 0;

  async setNoLaterThan(timeMs: number): Promise<void> {
    if (this.setForMs !== undefined && this.setForMs <= timeMs) return;
    this.setForMs = timeMs;
    this.sets++;
  }
}
