import type { Matcher } from '../model/matcher.ts';
import type { Scope } from './access.ts';

export const KEYRING_RPC_VERSION = 1;

/** The name of the one keyring. Strangers' keys are looked up here too, so they can never make an object. */
export const KEYRING_NAME = 'keyring';

/** Everything about a key but its secret. Times are Unix milliseconds. */
export interface KeyRecord {
  readonly id: string;
  /** `undefined`: all tenants. */
  readonly tenant: string | undefined;
  readonly scopes: readonly Scope[];
  readonly matchers: readonly Matcher[];
  readonly description: string;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly expiresMs: number | undefined;
  readonly revokedMs: number | undefined;
  readonly revokedBy: string | undefined;
  /** To within an hour. */
  readonly lastUsedMs: number | undefined;
}

export interface VerifyKeyRequest {
  readonly version: number;
  readonly id: string;
  /** SHA-256 of the key: the secret itself never leaves the Worker. */
  readonly digest: Uint8Array;
}

export type VerifyKeyAnswer = { readonly status: 'valid'; readonly key: KeyRecord } | { readonly status: 'invalid' };

export interface SigningKeyRequest {
  readonly version: number;
  /** Of a key: S3's access key id. */
  readonly id: string;
  /** `YYYYMMDD`, UTC. */
  readonly day: string;
}

export type SigningKeyAnswer =
  /** With what the key's holder signs on that day (signing-key.ts): it expires with the day's signatures, and tells nothing of the key. */
  | { readonly status: 'valid'; readonly key: KeyRecord; readonly dayKey: Uint8Array }
  | { readonly status: 'invalid' };

export interface CreateKeyRequest {
  readonly version: number;
  readonly id: string;
  readonly digest: Uint8Array;
  readonly tenant: string | undefined;
  readonly scopes: readonly Scope[];
  readonly matchers: readonly Matcher[];
  readonly description: string;
  readonly createdBy: string;
  /** From now; `undefined`: never. */
  readonly expiresInMs: number | undefined;
}

export type CreateKeyAnswer = { readonly status: 'created'; readonly key: KeyRecord } | { readonly status: 'refused'; readonly message: string };

export interface ListKeysRequest {
  readonly version: number;
  /** Of this tenant, without those of all tenants; `undefined`: every key. */
  readonly tenant: string | undefined;
}

export interface RevokeKeyRequest {
  readonly version: number;
  readonly id: string;
  /** As in ListKeysRequest: a key that would not be listed cannot be revoked. */
  readonly tenant: string | undefined;
  readonly revokedBy: string;
}

export type RevokeKeyAnswer = { readonly status: 'revoked'; readonly key: KeyRecord } | { readonly status: 'unknown' };

/** The keyring as its callers see it: the RPC port. Every call may be made twice. */
export interface KeyringApi {
  verify(request: VerifyKeyRequest): Promise<VerifyKeyAnswer>;
  /** What signatures of a key are checked with. */
  signingKey(request: SigningKeyRequest): Promise<SigningKeyAnswer>;
  /** Whether a key was ever made, revoked ones included: what was closed once never opens again by itself. */
  hasHadKeys(): Promise<boolean>;
  create(request: CreateKeyRequest): Promise<CreateKeyAnswer>;
  list(request: ListKeysRequest): Promise<readonly KeyRecord[]>;
  revoke(request: RevokeKeyRequest): Promise<RevokeKeyAnswer>;
}
