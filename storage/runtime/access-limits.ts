import { HOUR_MS, KIB, MIB, MINUTE_MS } from './units.ts';

/** The bounds of who is served: tenants, keys, signatures, tokens, and those who have none. A part of LIMITS (limits.ts). */
export const ACCESS_LIMITS = {
  /** Mimir's limit on a tenant's name. */
  tenantNameBytesMax: 150,
  /** Tenants whose routing a Worker remembers: 1.6 KiB each, and 0.7 more once its archive has been read, so some 7 MiB. Another one costs a call of its catalog. */
  tenantsOpenMax: 4_000,
  /** Shards of one map. Each question goes to all of them. */
  shardsMax: 64,
  /** Maps of shards that a tenant may come to have: those of old are asked for what they still have, deletions and streams of changes go to all. */
  shardMapsMax: 16,
  /** The JSON of a request for another number of shards. */
  shardRequestBytesMax: 1 * KIB,
  /** A Worker that has known a tenant's shards for so long asks the catalog again in passing: a call of a few rows, which wakes it. */
  shardMapsFreshMs: 5 * MINUTE_MS,
  /**
   * Known for longer, they are not acted upon: a new map takes effect so much later, and `timestampAheadMsMax` and `clocksDifferMs` besides, that by
   * then nobody writes by the maps of before. So long does a Worker go on writing while the catalog is away, and so much longer waits an operator.
   */
  shardMapsSureMs: 30 * MINUTE_MS,
  /** How far clocks of Workers and objects may differ, and what a request may take. */
  clocksDifferMs: 15 * MINUTE_MS,
  /** Ids of objects that an isolate remembers, of each kind: a few hundred bytes each. */
  objectIdsMax: 1000,
  /** Of the header: a key is 67 characters, and base64 makes a tenant and a key 300. */
  authorizationBytesMax: 1024,
  /** Of the same header where it carries a signature: it lists every header that is signed. */
  signatureBytesMax: 2 * KIB,
  /** How far a signer's clock may be off, as in S3. */
  signatureClockSkewMs: 15 * MINUTE_MS,
  /** Signing keys that an isolate remembers: one a key and day, about 500 bytes each. */
  signingKeyCacheEntriesMax: 1024,
  /** What an isolate knows of objects that were asked for over S3, about 300 bytes each: a file is read in many ranges. */
  objectInfoCacheEntriesMax: 4096,
  /** A form for an access token, and a report of a scan. */
  icebergBodyBytesMax: 64 * KIB,
  /** What an operator chooses as VARVE_ADMIN_KEY must not be guessable; 32 random characters are not. */
  adminKeyLengthMin: 32,
  /** Keys in the keyring, with those that ended in the last 30 days: about 500 bytes each. */
  keysMax: 10_000,
  /** How long a Worker goes on believing that a key is valid: a revocation counts everywhere after this long. */
  keyCacheMs: 30_000,
  /** How long a Worker goes on believing that a key is not valid, or that there are none. */
  keyMissCacheMs: 5_000,
  /** Valid keys that a Worker remembers, and as many that are not: about 1 KiB each. */
  keyCacheEntriesMax: 2048,
  /** Keys that are not valid, from one network in a minute, before the next ones are refused unseen. A scrape interval has four. */
  failuresPerMinuteMax: 20,
  /** Networks whose failures are counted at a time. */
  failureSourcesMax: 4096,
  /** A token of Cloudflare Access: about 1 KiB, more with many groups. */
  accessTokenBytesMax: 8 * KIB,
  /** The keys of a team's tokens: two or three of 1 KiB. */
  accessCertsBytesMax: 64 * KIB,
  accessCertsTimeoutMs: 10_000,
  /** Keys are fetched anew after this; they rotate every six weeks, and old ones are good for a week more. */
  accessCertsFreshMs: HOUR_MS,
  /** While they cannot be fetched, the ones at hand are believed for as long as this. */
  accessCertsStaleMs: 24 * HOUR_MS,
  /** Between two fetches, whatever tokens come: one that names an unknown key must not become a fetch each. */
  accessCertsIntervalMs: MINUTE_MS,
  /** Between clocks: for the times in a token. */
  accessClockSkewMs: MINUTE_MS,
  /** Read and thrown away of a request that is refused at the door, so that its sender sees the answer: those of Prometheus are far shorter. */
  refusedBodyBytesMax: 4 * MIB,
  /** And for no longer than this: who sends slower may not see the answer. */
  refusedBodyMsMax: 10_000,
  /** A request to make a key: a few labels and a description. */
  keyRequestBytesMax: 16 * KIB,
  keyDescriptionCharactersMax: 200,
  keyMatchersMax: 16,
} as const;
