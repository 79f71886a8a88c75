import { VarveError } from './errors.ts';

/** More shards than this on one tenant want a larger design than a constant. */
const SHARDS_MAX = 64;

/** What can be configured by variables of the Worker; all have defaults that suit one machine. */
export interface Config {
  /** Shards of a tenant that is new. One is best on one machine: workerd has one thread, and each RPC costs. */
  readonly shardCount: number;
}

export function readConfig(variables: { readonly VARVE_SHARDS?: string }): Config {
  const shardCount = Number(variables.VARVE_SHARDS ?? '1');
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SHARDS_MAX) {
    throw new VarveError('bad-data', `VARVE_SHARDS is ${JSON.stringify(variables.VARVE_SHARDS)}; it must be a whole number from 1 to ${SHARDS_MAX}`);
  }
  return { shardCount };
}
