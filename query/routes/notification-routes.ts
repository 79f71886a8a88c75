import { Hono } from 'hono';
import { answer } from '../answer.ts';
import { success } from '../respond.ts';

/**
 * Notices of the server to those who look at its page, to be mounted at `/api/v1`. Prometheus has them for a configuration that could not
 * be loaded and for a restart; neither happens here, so the list is empty, and the live stream is refused in the way that tells its reader
 * to look at the list instead (Prometheus answers 204 when it has too many readers).
 */
export function notificationRoutes(): Hono {
  const routes = new Hono();
  routes.get('/notifications', (context) => answer(context, () => success([])));
  routes.get('/notifications/live', () => new Response(null, { status: 204 }));
  return routes;
}
