import { badData } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';

/** The tenant of requests that name none. */
export const DEFAULT_TENANT = 'default';

/** Mimir's alphabet (its page "About tenant IDs"). No slash: names of objects and keys in R2 begin with the tenant. */
const TENANT_NAME = /^[a-zA-Z0-9!\-_.*'()]+$/;

/** Throws a bad-data error for what is no name of one tenant. `what` is where the name stood. */
export function checkTenantName(name: string, what: string): string {
  if (name === '') throw badData(`${what} is empty; leave it out or name a tenant`);
  if (name.length > LIMITS.tenantNameBytesMax) throw badData(`${what} is ${name.length} bytes long; tenantNameBytesMax is ${LIMITS.tenantNameBytesMax}`);
  if (name.includes('|')) throw badData(`${what} names several tenants; a request is about one`);
  // Dots alone would climb in paths that are made of tenant names.
  if (!TENANT_NAME.test(name) || name === '.' || name === '..') {
    throw badData(`${what} is no tenant name: letters, digits and !-_.*'() are allowed, and not . or .. alone`);
  }
  return name;
}
