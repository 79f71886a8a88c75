/** A signal that ends after a time, or with one of the others. Its reason is a TimeoutError in the first case. */
export function deadline(timeoutMs: number, other?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return other === undefined ? timeout : AbortSignal.any([timeout, other]);
}
