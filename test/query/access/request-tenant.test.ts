import { describe, expect, test } from 'vitest';
import { namedTenant } from '../../../query/access/request-tenant.ts';
import { SCOPES, type Grant } from '../../../storage/access/access.ts';

const operator: Grant = { tenant: undefined, scopes: SCOPES, matchers: [], holder: 'a test' };
const teamA: Grant = { ...operator, tenant: 'team-a' };

function tenantOf(grant: Grant, header: string | undefined, user = ''): string | undefined {
  return namedTenant(new Headers(header === undefined ? {} : { 'X-Scope-OrgID': header }), user, grant);
}

describe('a key of all tenants', () => {
  test('goes where it is told, and where nothing is said nothing is named', () => {
    expect(tenantOf(operator, undefined)).toBeUndefined();
    expect(tenantOf(operator, 'team-a')).toBe('team-a');
    expect(tenantOf(operator, undefined, 'team-b')).toBe('team-b');
    expect(tenantOf(operator, 'team-b', 'team-b')).toBe('team-b');
    expect(() => tenantOf(operator, 'team-a', 'team-b')).toThrow('name different tenants');
  });

  test.each(["a!-_.*'()Z9", 'x'.repeat(150), '...', '.a', 'A', '__proto__', 'constructor'])('%s is a name', (name) => {
    expect(tenantOf(operator, name)).toBe(name);
  });

  test.each([
    ['', /is empty/],
    ['x'.repeat(151), /151 bytes long; tenantNameBytesMax is 150/],
    ['a|b', /names several tenants/],
    ['a, b', /no tenant name/],
    ['a,b', /no tenant name/],
    ['a b', /no tenant name/],
    ['.', /no tenant name/],
    ['..', /no tenant name/],
    ['../b', /no tenant name/],
    ['a/b', /no tenant name/],
    ['a\\b', /no tenant name/],
    ['a%2Fb', /no tenant name/],
    ['a\u00e9', /no tenant name/],
    ['a:b', /no tenant name/],
    ['a$b', /no tenant name/],
    ['a\tb', /no tenant name/],
  ])('%j is none', (name, text) => {
    expect(() => tenantOf(operator, name)).toThrow(text);
    // Spaces around a header belong to the message, not to the value; a user name has them.
    expect(() => tenantOf(operator, undefined, `${name} `)).toThrow();
  });

  test('a header given twice is refused, also with the same value', () => {
    const headers = new Headers();
    headers.append('x-scope-orgid', 'team-a');
    headers.append('X-SCOPE-ORGID', 'team-a');
    expect(() => namedTenant(headers, '', operator)).toThrow('no tenant name');
  });

  test.each(['X_Scope_OrgID', 'X-Scope_OrgID', 'x_scope-orgid'])('%s, which a proxy may take for the header, is refused', (name) => {
    expect(() => namedTenant(new Headers({ [name]: 'team-a' }), '', operator)).toThrow('remove it');
  });
});

describe('a key of one tenant', () => {
  test('is for that one', () => {
    for (const [header, user] of [[undefined, ''], ['team-a', ''], [undefined, 'team-a'], ['team-a', 'team-a']] as const) {
      expect(tenantOf(teamA, header, user)).toBe('team-a');
    }
  });

  test.each(['team-b', 'Team-A', 'team-a.', 'default', '*'])('and not for %s', (name) => {
    for (const [header, user] of [[name, ''], [undefined, name], [name, name]] as const) {
      expect(() => tenantOf(teamA, header, user)).toThrow(expect.objectContaining({ kind: 'forbidden' }));
    }
    expect(() => tenantOf(teamA, name, 'team-a')).toThrow(expect.objectContaining({ kind: 'bad-data' }));
  });
});
