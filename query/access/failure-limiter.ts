import { lastsStill, type Clock } from '../../storage/runtime/clock.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { LruCache } from '../../storage/runtime/lru-cache.ts';
import { MINUTE_MS } from '../../storage/runtime/units.ts';

const WINDOW_MS = MINUTE_MS;

interface Failures {
  count: number;
  /** Unix ms. */
  readonly sinceMs: number;
}

/**
 * Counts keys that were not valid, by the network that they came from: one that tries many is refused for the rest of the minute before
 * the keyring is asked. Keys that are known here to be valid are let in before this, so a neighbour behind the same address is not shut out.
 */
export class FailureLimiter {
  readonly #clock: Clock;
  readonly #failures = new LruCache<string, Failures>(LIMITS.failureSourcesMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Seconds to wait, 0 when the source may try. */
  waitSeconds(source: string | undefined): number {
    const failures = source === undefined ? undefined : this.#current(source);
    if (failures === undefined || failures.count < LIMITS.failuresPerMinuteMax) return 0;
    return Math.max(1, Math.ceil((failures.sinceMs + WINDOW_MS - this.#clock.nowMs()) / 1000));
  }

  add(source: string | undefined): void {
    if (source === undefined) return;
    const failures = this.#current(source);
    if (failures === undefined) this.#failures.set(source, { count: 1, sinceMs: this.#clock.nowMs() }, 1);
    else failures.count++;
  }

  #current(source: string): Failures | undefined {
    const failures = this.#failures.get(source);
    return failures !== undefined && lastsStill(failures.sinceMs, WINDOW_MS, this.#clock.nowMs()) ? failures : undefined;
  }
}

/**
 * Where a request came from, as Cloudflare says in a header that clients cannot set there; the last 64 bits of an IPv6 address are its
 * holder's to choose. Elsewhere nothing says so that could be trusted, and nobody is counted: one could shut out all others.
 */
export function sourceOf(headers: Headers): string | undefined {
  const address = headers.get('cf-connecting-ip') ?? undefined;
  return address?.includes(':') === true && !address.includes('.') ? networkOf(address) : address;
}

/** The first four of an IPv6 address' eight groups; `::` stands for as many zeros as are missing (RFC 4291, 2.2). */
function networkOf(address: string): string {
  const [left = '', right] = address.split('::', 2);
  const groups = left === '' ? [] : left.split(':');
  if (right !== undefined) {
    const last = right === '' ? [] : right.split(':');
    while (groups.length + last.length < IPV6_GROUPS) groups.push('0');
    groups.push(...last);
  }
  return groups.slice(0, NETWORK_GROUPS).join(':');
}

const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;
