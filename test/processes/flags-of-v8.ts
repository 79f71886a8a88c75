/** For `MINIFLARE_WORKERD_V8_FLAGS`: those that Varve is run with, and others beside them. */
export function flagsOfV8(...others: readonly string[]): string {
  return [process.env['MINIFLARE_WORKERD_V8_FLAGS'] ?? '', ...others].join(' ').trim();
}
