import { Hono, type Context } from 'hono';
import { PROTOBUF_EXPOSITION } from '../../proto/protobuf-exposition.ts';
import { badData } from '../../storage/runtime/errors.ts';
import { answer } from '../answer.ts';
import { selectorParameters } from '../parameters.ts';
import { newestSamples } from '../source/newest-samples.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { protobufExposition, textExposition } from '../text/exposition.ts';
import { prefersProtobuf } from './accepts-protobuf.ts';

/** `/federate`, at the root: the newest sample of each series that `match[]` selects, for another Prometheus to scrape. */
export function federateRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/federate', (context) => answer(context, (parameters) => federate(services, context, parameters)));
  return routes;
}

async function federate(services: TenantServices, context: Context, parameters: URLSearchParams): Promise<Response> {
  const selectors = selectorParameters(parameters);
  if (selectors.length === 0) throw badData('no match[] parameter provided');
  const samples = await newestSamples(await openTenant(services, context), selectors, services.clock, context.req.raw.signal);
  if (prefersProtobuf(context.req.header('accept') ?? '')) return new Response(protobufExposition(samples), { headers: { 'content-type': `${PROTOBUF_EXPOSITION}; escaping=allow-utf-8` } });
  return new Response(textExposition(samples), { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8' } });
}
