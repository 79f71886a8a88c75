import { readAccessConfig, type AccessConfig, type AccessVariables } from './access-config.ts';
import { VarveError } from './errors.ts';
import { readExternalCatalog, type ExternalCatalogConfig, type ExternalCatalogVariables } from './external-catalog-config.ts';
import { LIMITS } from './limits.ts';
import { readOtlpOptions, type OtlpOptions, type OtlpVariables } from './otlp-options.ts';
import { retentionMsOf } from './retention-text.ts';
import { readTenantLimits, type LimitsOfTenant } from './tenant-limits.ts';
import { HOUR_MS } from './units.ts';

/** The Worker's variables, as wrangler.toml or `npm start` pass them on. */
export interface Variables extends AccessVariables, OtlpVariables, ExternalCatalogVariables {
  readonly VARVE_SHARDS?: string;
  readonly VARVE_HOT_RETENTION?: string;
  readonly VARVE_TENANT_LIMITS?: string;
  readonly VARVE_ARCHIVE?: string;
  readonly VARVE_ARCHIVE_URI?: string;
  readonly VARVE_ARCHIVE_KEY_PREFIX?: string;
  /** See warm/tiering-policy.ts. */
  readonly VARVE_TIERING?: string;
  readonly VARVE_ARCHIVE_RETENTION?: string;
  readonly VARVE_ARCHIVE_S3_ENDPOINT?: string;
  readonly VARVE_CORS_ORIGIN?: string;
  readonly VARVE_HA_TRACKER?: string;
  readonly VARVE_HA_CLUSTER_LABEL?: string;
  readonly VARVE_HA_REPLICA_LABEL?: string;
}

/** Names of the labels that say which replica of which cluster has scraped a series. */
export interface HaConfig {
  readonly clusterLabel: string;
  readonly replicaLabel: string;
}

/** What can be configured by variables; all have defaults that suit one machine. */
export interface Config {
  /** Shards of a tenant that is new. One is best on one machine: workerd has one thread, and each RPC costs. */
  readonly shardCount: number;
  /** How long a shard keeps samples. */
  readonly hotRetentionMs: number;
  /** The same as imports must see it: what is older than the archive's grace belongs into the archive at once. */
  readonly importRetentionMs: number;
  /** Where readers of the Iceberg tables find the bucket's objects: what stands before their keys. `undefined`: nothing is archived. */
  readonly archiveUri: string | undefined;
  /** How long the archive keeps samples; partitions leave whole. */
  readonly archiveRetentionMs: number;
  /** The bucket of that place, its first name; and what the rest of it is to keys there: `''`, or names that end with a slash. */
  readonly archiveBucket: string;
  readonly archiveKeysBegin: string;
  /** What all keys in the bucket begin with, before the tenant: `''`, or names that end with a slash. */
  readonly archiveKeyPrefix: string;
  /** Another Iceberg catalog that has the tables too. */
  readonly externalCatalog: ExternalCatalogConfig | undefined;
  /** An S3 endpoint of the bucket that readers of the Iceberg tables use, with credentials of their own; `undefined`: Varve's (query/s3/). */
  readonly archiveS3Endpoint: string | undefined;
  readonly access: AccessConfig;
  readonly limitsOf: LimitsOfTenant;
  /** Keeps one of several replicas' samples; `undefined` where replicas are not told apart. */
  readonly ha: HaConfig | undefined;
  /** Origins whose pages may read answers: a regular expression for the whole origin, all by default, as Prometheus. */
  readonly corsOrigin: string;
  readonly otlp: OtlpOptions;
}

/** Throws bad-data, with the name of the variable, for a value that cannot be. */
export function readConfig(variables: Variables): Config {
  const archiveUri = readArchive(variables);
  // Not below what is still accepted and an hour to read it in: a sample must not be acknowledged and gone.
  const hotRetentionMs = readRetention('VARVE_HOT_RETENTION', variables.VARVE_HOT_RETENTION, archiveUri === undefined ? LIMITS.hotRetentionMs : LIMITS.hotRetentionArchivedMs, { text: `${LIMITS.hotWindowMs / HOUR_MS + 1}h`, ms: LIMITS.hotWindowMs + HOUR_MS });
  return {
    shardCount: readShardCount(variables.VARVE_SHARDS),
    hotRetentionMs,
    importRetentionMs: archiveUri === undefined ? hotRetentionMs : Math.min(hotRetentionMs, LIMITS.archiveGraceMs),
    archiveUri,
    // What has just been archived must be readable for a day.
    archiveRetentionMs: readRetention('VARVE_ARCHIVE_RETENTION', variables.VARVE_ARCHIVE_RETENTION, LIMITS.archiveRetentionMs, { text: '3d', ms: 72 * HOUR_MS }),
    ...readBucket(variables.VARVE_ARCHIVE_URI),
    archiveKeyPrefix: readArchiveKeyPrefix(variables),
    externalCatalog: readExternalCatalog(variables, archiveUri !== undefined),
    archiveS3Endpoint: readS3Endpoint(variables.VARVE_ARCHIVE_S3_ENDPOINT),
    access: readAccessConfig(variables),
    limitsOf: readTenantLimits(variables.VARVE_TENANT_LIMITS),
    ha: readHa(variables),
    corsOrigin: variables.VARVE_CORS_ORIGIN ?? '.*',
    otlp: readOtlpOptions(variables),
  };
}

function readShardCount(text = '1'): number {
  const shardCount = Number(text);
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > LIMITS.shardsMax) {
    throw new VarveError('bad-data', `VARVE_SHARDS is ${JSON.stringify(text)}; it must be a whole number from 1 to ${LIMITS.shardsMax}`);
  }
  return shardCount;
}

function readRetention(variable: string, text: string | undefined, defaultMs: number, least: { readonly text: string; readonly ms: number }): number {
  if (text === undefined) return defaultMs;
  const retentionMs = retentionMsOf(text, least.ms);
  if (retentionMs === undefined) {
    throw new VarveError('bad-data', `${variable} is ${JSON.stringify(text)}; it must be a duration like 36h or 15d, at least ${least.text} and at most 1000y`);
  }
  return retentionMs;
}

const ARCHIVE_URI = 's3://varve-archive';
/** Keys of R2 have 1,024 bytes: room for a tenant's name and the rest. */
const KEY_PREFIX_CHARACTERS_MAX = 200;

function readBucket(uri = ARCHIVE_URI): Pick<Config, 'archiveBucket' | 'archiveKeysBegin'> {
  const [, archiveBucket = '', below = ''] = /^[^/]*\/\/([^/]+)\/?(.*)$/.exec(uri) ?? [];
  return { archiveBucket, archiveKeysBegin: below === '' ? '' : `${below}/` };
}

/** R2 Data Catalog takes tables below `__r2_data_catalog/` alone. Not to be changed later: what is under another prefix is not found. */
export function readArchiveKeyPrefix({ VARVE_ARCHIVE_KEY_PREFIX: prefix, VARVE_ARCHIVE_URI: uri = ARCHIVE_URI }: Pick<Variables, 'VARVE_ARCHIVE_KEY_PREFIX' | 'VARVE_ARCHIVE_URI'>): string {
  if (prefix === undefined) return '';
  if (!/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(prefix) || prefix.length > KEY_PREFIX_CHARACTERS_MAX) {
    throw new VarveError('bad-data', `VARVE_ARCHIVE_KEY_PREFIX is ${JSON.stringify(prefix)}; it must be like __r2_data_catalog/varve, without a slash at its ends, at most ${KEY_PREFIX_CHARACTERS_MAX} characters`);
  }
  if (!uri.endsWith(`/${prefix}`)) throw new VarveError('bad-data', `VARVE_ARCHIVE_URI is ${JSON.stringify(uri)}; with VARVE_ARCHIVE_KEY_PREFIX it must end with /${prefix}, where readers find the objects`);
  return `${prefix}/`;
}

function readS3Endpoint(text: string | undefined): string | undefined {
  if (text === undefined || (URL.canParse(text) && /^https?:\/\/[^/?#]+(?:\/[^?#]*[^/?#])?$/.test(text))) return text;
  throw new VarveError('bad-data', `VARVE_ARCHIVE_S3_ENDPOINT is ${JSON.stringify(text)}; it must be like https://ACCOUNT.r2.cloudflarestorage.com, without a slash at its end`);
}

/** Not to be turned off again: what is archived is not in the hot tier for ever. */
function readArchive({ VARVE_ARCHIVE = 'on', VARVE_ARCHIVE_URI = ARCHIVE_URI }: Variables): string | undefined {
  if (VARVE_ARCHIVE !== 'on' && VARVE_ARCHIVE !== 'off') {
    throw new VarveError('bad-data', `VARVE_ARCHIVE is ${JSON.stringify(VARVE_ARCHIVE)}; it must be on or off`);
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]/.test(VARVE_ARCHIVE_URI) || VARVE_ARCHIVE_URI.endsWith('/')) {
    throw new VarveError('bad-data', `VARVE_ARCHIVE_URI is ${JSON.stringify(VARVE_ARCHIVE_URI)}; it must be like s3://bucket, without a slash at its end`);
  }
  return VARVE_ARCHIVE === 'on' ? VARVE_ARCHIVE_URI : undefined;
}

/** The names that Mimir and Cortex have. */
function readHa({ VARVE_HA_TRACKER = 'off', VARVE_HA_CLUSTER_LABEL = 'cluster', VARVE_HA_REPLICA_LABEL = '__replica__' }: Variables): HaConfig | undefined {
  if (VARVE_HA_TRACKER !== 'on' && VARVE_HA_TRACKER !== 'off') {
    throw new VarveError('bad-data', `VARVE_HA_TRACKER is ${JSON.stringify(VARVE_HA_TRACKER)}; it must be on or off`);
  }
  for (const [variable, label] of Object.entries({ VARVE_HA_CLUSTER_LABEL, VARVE_HA_REPLICA_LABEL })) {
    if (label === '' || label === '__name__') throw new VarveError('bad-data', `${variable} is ${JSON.stringify(label)}; it must be the name of a label`);
  }
  if (VARVE_HA_CLUSTER_LABEL === VARVE_HA_REPLICA_LABEL) {
    throw new VarveError('bad-data', `VARVE_HA_CLUSTER_LABEL and VARVE_HA_REPLICA_LABEL are both ${JSON.stringify(VARVE_HA_CLUSTER_LABEL)}; they must differ`);
  }
  return VARVE_HA_TRACKER === 'on' ? { clusterLabel: VARVE_HA_CLUSTER_LABEL, replicaLabel: VARVE_HA_REPLICA_LABEL } : undefined;
}
