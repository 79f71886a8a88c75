import { readAccessConfig, type AccessConfig, type AccessVariables } from './access-config.ts';
import { VarveError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** More shards than this on one tenant want a larger design than a constant. */
const SHARDS_MAX = 64;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, y: 365 * 86_400_000 };

/** The Worker's variables, as wrangler.toml or `npm start` pass them on. */
export interface Variables extends AccessVariables {
  readonly VARVE_SHARDS?: string;
  readonly VARVE_HOT_RETENTION?: string;
}

/** What can be configured by variables; all have defaults that suit one machine. */
export interface Config {
  /** Shards of a tenant that is new. One is best on one machine: workerd has one thread, and each RPC costs. */
  readonly shardCount: number;
  /** How long a shard keeps samples. */
  readonly hotRetentionMs: number;
  readonly access: AccessConfig;
}

export function readConfig(variables: Variables): Config {
  return {
    shardCount: readShardCount(variables.VARVE_SHARDS),
    hotRetentionMs: readRetention(variables.VARVE_HOT_RETENTION),
    access: readAccessConfig(variables),
  };
}

function readShardCount(text = '1'): number {
  const shardCount = Number(text);
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SHARDS_MAX) {
    throw new VarveError('bad-data', `VARVE_SHARDS is ${JSON.stringify(text)}; it must be a whole number from 1 to ${SHARDS_MAX}`);
  }
  return shardCount;
}

/** Not below what is still accepted and an hour to read it in: a sample must not be acknowledged and gone. */
function readRetention(text: string | undefined): number {
  if (text === undefined) return LIMITS.hotRetentionMs;
  const parts = /^(\d+)([smhdwy])$/.exec(text);
  const leastHours = LIMITS.hotWindowMs / 3_600_000 + 1;
  const retentionMs = parts === null ? NaN : Number(parts[1]) * UNIT_MS[parts[2]!]!;
  if (!(retentionMs >= leastHours * 3_600_000)) {
    throw new VarveError('bad-data', `VARVE_HOT_RETENTION is ${JSON.stringify(text)}; it must be a duration like 36h or 15d, at least ${leastHours}h`);
  }
  return retentionMs;
}
