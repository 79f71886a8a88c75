import type { Grant } from '../../storage/access/access.ts';
import { checkTenantName } from '../../storage/access/tenant-name.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';

const TENANT_HEADER = 'X-Scope-OrgID';
/** Other spellings that some proxies turn into the header on the way: who sends one wants two readers to see two tenants. */
const LOOK_ALIKES = ['x_scope_orgid', 'x-scope_orgid', 'x_scope-orgid'];

/**
 * The one tenant that a request is about; `undefined` where who may see all tenants names none. The key decides; the header (or the user name
 * of Basic authentication) may say the same, and chooses only for who may see all tenants. A header given twice arrives with a comma in it,
 * which no tenant's name has.
 */
export function namedTenant(headers: Headers, user: string, grant: Grant): string | undefined {
  for (const name of LOOK_ALIKES) {
    if (headers.has(name)) throw badData(`the header ${name} is not ${TENANT_HEADER}; remove it`);
  }
  const header = headers.get(TENANT_HEADER);
  const named = header === null ? undefined : checkTenantName(header, `the header ${TENANT_HEADER}`);
  const asUser = user === '' ? undefined : checkTenantName(user, 'the user name');
  if (named !== undefined && asUser !== undefined && named !== asUser) throw badData(`the user name and the header ${TENANT_HEADER} name different tenants`);
  const wanted = named ?? asUser;
  if (grant.tenant === undefined) return wanted;
  if (wanted !== undefined && wanted !== grant.tenant) {
    throw new VarveError('forbidden', `this key is for one tenant, and ${named === undefined ? 'the user name' : TENANT_HEADER} names another`);
  }
  return grant.tenant;
}
