/*
 * List prices of Cloudflare in US dollars, without what a plan includes and without its $5 a month: what the next million costs.
 * Looked up on 2026-11-26 in Cloudflare's documentation: developers.cloudflare.com/workers/platform/pricing, /durable-objects/platform/pricing and
 * /r2/pricing.
 */
const PRICES = {
  workerRequest: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  /** An RPC call, or an alarm. */
  objectRequest: 0.15 / 1e6,
  /** 128 MB for as long as an object is active, whatever it uses. */
  objectGbSecond: 12.5 / 1e6,
  rowRead: 0.001 / 1e6,
  /** Setting an alarm is one. */
  rowWritten: 1 / 1e6,
  objectGbMonth: 0.2,
  /** Writes and listings. */
  r2ClassA: 4.5 / 1e6,
  /** Reads. */
  r2ClassB: 0.36 / 1e6,
  r2GbMonth: 0.015,
} as const;

/** How many of each were counted. */
export type Operations = Readonly<Partial<Record<keyof typeof PRICES, number>>>;

export function dollars(operations: Operations): number {
  return (Object.entries(operations) as [keyof typeof PRICES, number][]).reduce((sum, [operation, count]) => sum + PRICES[operation] * count, 0);
}

/** The operations as text, those that cost most first. */
export function operationsText(operations: Operations): string {
  const lines = (Object.entries(operations) as [keyof typeof PRICES, number][]).filter(([, count]) => count > 0).sort(([a, countA], [b, countB]) => PRICES[b] * countB - PRICES[a] * countA);
  return lines.map(([operation, count]) => `${operation} ${count < 1 ? count.toPrecision(2) : Math.round(count).toLocaleString('en-US')} ($${(PRICES[operation] * count).toPrecision(2)})`).join(', ');
}
