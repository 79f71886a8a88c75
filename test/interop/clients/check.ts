import { deepStrictEqual } from 'node:assert';

/** One thing that a client must be able to do; `run` throws when it cannot. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export function expectEqual(got: unknown, wanted: unknown, what: string): void {
  deepStrictEqual(got, wanted, `${what}: got ${JSON.stringify(got)?.slice(0, 500)}, want ${JSON.stringify(wanted)?.slice(0, 500)}`);
}

export function expectThat(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}
