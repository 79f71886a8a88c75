import { Hono } from 'hono';
import { setAccess } from '../../query/tenant.ts';
import { SCOPES, type Access } from '../../storage/access/access.ts';

const EVERYTHING: Access = { tenant: 'default', isTenantNamed: false, grant: { tenant: undefined, scopes: SCOPES, matchers: [], holder: 'a test' } };

/** Routes without the door in front of them: every request has been let in with this access. */
export function granted(routes: Hono, access: Access = EVERYTHING): Hono {
  const app = new Hono();
  app.use((context, next) => {
    setAccess(context, access);
    return next();
  });
  app.route('/', routes);
  return app;
}
