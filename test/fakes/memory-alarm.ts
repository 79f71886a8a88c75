import type { Alarm } from '../../storage/runtime/alarm.ts';

/** The platform's one alarm, that remembers what it was set for and how often, and may be away. */
export class MemoryAlarm implements Alarm {
  setForMs: number | undefined;
  sets = 0;
  isAway = false;

  async setNoLaterThan(timeMs: number): Promise<void> {
    if (this.isAway) throw new Error('no alarm can be set');
    if (this.setForMs !== undefined && this.setForMs <= timeMs) return;
    this.setForMs = timeMs;
    this.sets++;
  }
}
