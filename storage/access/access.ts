import type { Matcher } from '../model/matcher.ts';

/** What a request may do. None includes another: a key that shall read and write has both. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a credential gives, before the request has said which tenant it is about. */
export interface Grant {
  /** `undefined`: all tenants, which is for operators. Never a magic tenant name, since Mimir's alphabet allows names like `*`. */
  readonly tenant: string | undefined;
  readonly scopes: readonly Scope[];
  /** Enforced on everything that is read; none means the whole tenant. */
  readonly matchers: readonly Matcher[];
  /** Who it is, for the audit log: `key <id>`. Never a secret. */
  readonly holder: string;
}

/** What one request may see and do. Storage believes the tenant in its object's name, so this is the only place where it is decided. */
export interface Access {
  readonly tenant: string;
  /** Whether the key or the request names it; otherwise it is the default of whoever may see all tenants. */
  readonly isTenantNamed: boolean;
  readonly grant: Grant;
}
