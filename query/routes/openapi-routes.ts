import { Hono } from 'hono';
import { openapiYaml } from './openapi.ts';

/** The description of this API, to be mounted at `/api/v1`. */
export function openapiRoutes(): Hono {
  const routes = new Hono();
  const headers = { 'content-type': 'application/yaml; charset=utf-8' };
  routes.get('/openapi.yaml', () => new Response(openapiYaml(), { headers }));
  return routes;
}
