/** Our own mistakes end here; a client's never do. The object or isolate that throws one is reset and replays what it had stored. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`BUG: ${message}`);
}

/** The value, which the surrounding code knows to be there. */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new Error(`BUG: ${message}`);
  return value;
}

/** The end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`BUG: unexpected ${JSON.stringify(value)}`);
}
