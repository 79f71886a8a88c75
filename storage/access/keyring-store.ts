import type { Matcher } from '../model/matcher.ts';
import type { Clock } from '../runtime/clock.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { migrate } from '../runtime/sql-migrations.ts';
import { DAY_MS, HOUR_MS } from '../runtime/units.ts';
import type { Scope } from './access.ts';
import { isSameDigest } from './digest.ts';
import type { CreateKeyAnswer, CreateKeyRequest, KeyRecord, ListKeysRequest, RevokeKeyAnswer, RevokeKeyRequest, SigningKeyAnswer, SigningKeyRequest, VerifyKeyAnswer, VerifyKeyRequest } from './keyring-api.ts';
import { signingKeyOfDay } from './signing-key.ts';

/** Numbered steps that are only ever appended to. Times are Unix milliseconds. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE api_key (
    id TEXT PRIMARY KEY,               -- the public part of the key
    digest BLOB NOT NULL,              -- SHA-256 of the whole key
    tenant TEXT,                       -- NULL: all tenants
    scopes TEXT NOT NULL,              -- with spaces between
    matchers TEXT NOT NULL,            -- JSON: [{name, type, value}]
    description TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    revoked_by TEXT,
    last_used_ms INTEGER               -- to within an hour
  ) WITHOUT ROWID`,
  `CREATE TABLE keyring (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    first_key_ms INTEGER NOT NULL      -- there from the first key on, for ever
  )`,
];

/** A write for each use would be billed. */
const LAST_USED_STEP_MS = HOUR_MS;
/** How long a key that has ended can still be seen in the list. */
const ENDED_KEPT_MS = 30 * DAY_MS;

// A type, since only those fit SqlRow.
type KeyRow = {
  readonly id: string;
  readonly digest: ArrayBuffer;
  readonly tenant: string | null;
  readonly scopes: string;
  readonly matchers: string;
  readonly description: string;
  readonly created_ms: number;
  readonly created_by: string;
  readonly expires_ms: number | null;
  readonly revoked_ms: number | null;
  readonly revoked_by: string | null;
  readonly last_used_ms: number | null;
};

/** A line of the audit log: what happened to which key and by whom. There is no secret to leave out, since none comes here. */
export type Audit = (event: Readonly<Record<string, unknown>>) => void;

/** The state of the keyring: digests of keys and what each may do. */
export class KeyringStore {
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #audit: Audit;

  constructor(sql: Sql, clock: Clock, audit: Audit) {
    this.#sql = sql;
    this.#clock = clock;
    this.#audit = audit;
    migrate(sql, MIGRATIONS, 'keyring');
  }

  /** An unknown id does the work of a known one. */
  verify({ id, digest }: VerifyKeyRequest): VerifyKeyAnswer {
    const row = this.#row(id);
    const isSame = isSameDigest(new Uint8Array(row?.digest ?? new ArrayBuffer(digest.length)), digest);
    if (row === undefined || !isSame || !this.#isInForce(row)) return { status: 'invalid' };
    this.#noteUse(row);
    return { status: 'valid', key: toRecord(row) };
  }

  /** It counts as a use of the key, though who asks does not yet know whether the signature is right: else a key that only signs would seem idle. */
  async signingKey({ id, day }: SigningKeyRequest): Promise<SigningKeyAnswer> {
    const row = this.#row(id);
    if (row === undefined || !this.#isInForce(row)) return { status: 'invalid' };
    this.#noteUse(row);
    return { status: 'valid', key: toRecord(row), dayKey: await signingKeyOfDay(new Uint8Array(row.digest), day) };
  }

  #isInForce({ revoked_ms: revokedMs, expires_ms: expiresMs }: KeyRow): boolean {
    return revokedMs === null && (expiresMs === null || expiresMs > this.#clock.nowMs());
  }

  #noteUse({ id, last_used_ms: lastUsedMs }: KeyRow): void {
    const nowMs = this.#clock.nowMs();
    if (lastUsedMs !== null && nowMs - lastUsedMs < LAST_USED_STEP_MS) return;
    this.#sql.run('UPDATE api_key SET last_used_ms = ? WHERE id = ?', nowMs, id);
  }

  hasHadKeys(): boolean {
    return this.#sql.all('SELECT 1 AS one FROM keyring WHERE id = 1').length > 0;
  }

  create(request: CreateKeyRequest): CreateKeyAnswer {
    const known = this.#row(request.id);
    if (known !== undefined) {
      // The same call again, whose answer was lost.
      if (isSameDigest(new Uint8Array(known.digest), request.digest)) return { status: 'created', key: toRecord(known) };
      return { status: 'refused', message: 'a key with this id exists; try again' };
    }
    const nowMs = this.#clock.nowMs();
    const isFull = this.#sql.transaction(() => {
      this.#sql.run('DELETE FROM api_key WHERE min(ifnull(revoked_ms, expires_ms), ifnull(expires_ms, revoked_ms)) < ?', nowMs - ENDED_KEPT_MS);
      const [row] = this.#sql.all<{ count: number }>('SELECT count(*) AS count FROM api_key');
      if (row!.count >= LIMITS.keysMax) return true;
      // Commit point: this transaction. The secret is shown only after it; a key whose answer is lost is in the list, and can be revoked.
      this.#sql.run(
        'INSERT INTO api_key (id, digest, tenant, scopes, matchers, description, created_ms, created_by, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        request.id,
        request.digest,
        request.tenant ?? null,
        request.scopes.join(' '),
        JSON.stringify(request.matchers),
        request.description,
        nowMs,
        request.createdBy,
        request.expiresInMs === undefined ? null : nowMs + request.expiresInMs,
      );
      this.#sql.run('INSERT OR IGNORE INTO keyring (id, first_key_ms) VALUES (1, ?)', nowMs);
      return false;
    });
    if (isFull) return { status: 'refused', message: `there are ${LIMITS.keysMax} keys, which is the limit keysMax; revoked ones are forgotten after 30 days` };
    const key = toRecord(this.#row(request.id)!);
    this.#audit({ event: 'key-created', key: key.id, tenant: key.tenant ?? 'all tenants', scopes: key.scopes, matchers: key.matchers, expiresMs: key.expiresMs, by: key.createdBy });
    return { status: 'created', key };
  }

  list({ tenant }: ListKeysRequest): KeyRecord[] {
    const rows =
      tenant === undefined
        ? this.#sql.all<KeyRow>('SELECT * FROM api_key ORDER BY created_ms, id')
        : this.#sql.all<KeyRow>('SELECT * FROM api_key WHERE tenant = ? ORDER BY created_ms, id', tenant);
    return rows.map(toRecord);
  }

  revoke({ id, tenant, revokedBy }: RevokeKeyRequest): RevokeKeyAnswer {
    const row = this.#row(id);
    if (row === undefined || (tenant !== undefined && row.tenant !== tenant)) return { status: 'unknown' };
    if (row.revoked_ms === null) {
      // Commit point: this statement. From here on no Worker is told that the key is valid; those that were told before forget it in keyCacheMs.
      this.#sql.run('UPDATE api_key SET revoked_ms = ?, revoked_by = ? WHERE id = ?', this.#clock.nowMs(), revokedBy, id);
      this.#audit({ event: 'key-revoked', key: id, tenant: row.tenant ?? 'all tenants', by: revokedBy });
    }
    return { status: 'revoked', key: toRecord(this.#row(id)!) };
  }

  #row(id: string): KeyRow | undefined {
    return this.#sql.all<KeyRow>('SELECT * FROM api_key WHERE id = ?', id)[0];
  }
}

function toRecord(row: KeyRow): KeyRecord {
  return {
    id: row.id,
    tenant: row.tenant ?? undefined,
    scopes: row.scopes.split(' ') as Scope[],
    matchers: JSON.parse(row.matchers) as Matcher[],
    description: row.description,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    expiresMs: row.expires_ms ?? undefined,
    revokedMs: row.revoked_ms ?? undefined,
    revokedBy: row.revoked_by ?? undefined,
    lastUsedMs: row.last_used_ms ?? undefined,
  };
}
