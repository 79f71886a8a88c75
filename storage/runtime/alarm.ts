/** A Durable Object's one alarm as a port. It may ring early, late or twice: handlers look at what is due, never at why they were called. */
export interface Alarm {
  /** Makes sure that the alarm rings at `timeMs` (Unix) or before. */
  setNoLaterThan(timeMs: number): Promise<void>;
}

export function durableObjectAlarm(storage: DurableObjectStorage): Alarm {
  return {
    async setNoLaterThan(timeMs) {
      const current = await storage.getAlarm();
      // Each setAlarm is billed as a row written.
      if (current === null || current > timeMs) await storage.setAlarm(timeMs);
    },
  };
}
