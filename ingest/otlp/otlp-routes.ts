import { Hono, type Context } from 'hono';
import type { SnappyDecode } from '../../proto/snappy.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import { decompress, readContentEncoding } from '../decompress.ts';
import { countRefused, countStored } from '../door-counters.ts';
import { OTLP_PATHS } from '../door-paths.ts';
import type { DoorRouteServices } from '../door-route-services.ts';
import type { WriteBodies } from '../write-bodies.ts';
import { doorError } from '../write-outcome.ts';
import type { OtlpEncoding, OtlpDoor, OtlpOutcome } from './otlp-door.ts';
import { otlpEncodingOf, otlpError, otlpResponse } from './otlp-response.ts';

export interface OtlpRouteServices extends DoorRouteServices {
  readonly door: OtlpDoor;
  readonly snappy: SnappyDecode;
  readonly bodies: WriteBodies;
  readonly counters: Counters;
}

/** OTLP/HTTP for metrics, to be mounted at the root. */
export function otlpRoutes(services: OtlpRouteServices): Hono {
  const routes = new Hono();
  for (const path of OTLP_PATHS) {
    routes.post(path, async (context) => {
      // What cannot be understood is answered in JSON, which everybody can read.
      const encoding = otlpEncodingOf(context.req.header('content-type'));
      try {
        if (encoding === undefined) throw new VarveError('not-supported', 'the content type must be application/x-protobuf or application/json');
        return otlpResponse(await exportMetrics(services, context, encoding), encoding);
      } catch (error) {
        return otlpError(doorError(error, services.requestIdOf(context)), encoding ?? 'json');
      }
    });
  }
  return routes;
}

async function exportMetrics(services: OtlpRouteServices, context: Context, encoding: OtlpEncoding): Promise<OtlpOutcome> {
  const request = context.req.raw;
  const contentEncoding = readContentEncoding(request.headers.get('content-encoding'));
  const shards = await services.openTenant(context);
  const bytesMax = services.door.bodyBytesMax(shards.tenant);
  const limitName = bytesMax === LIMITS.otlpUncompressedBytesMax ? 'otlpUncompressedBytesMax' : 'writeBodyBytesMax';
  const outcome = await services.bodies.with(request, shards.tenant, bytesMax, limitName, (body, held) => {
    const plainBody = (): Uint8Array => decompress(body, contentEncoding, services.snappy, bytesMax, limitName);
    return services.door.write(shards, plainBody, encoding, held);
  });
  count(services.counters, outcome, encoding);
  return outcome;
}

function count(counters: Counters, { stored, rejections }: OtlpOutcome, encoding: OtlpEncoding): void {
  const protocol = `otlp-${encoding}`;
  countStored(counters, protocol, stored);
  countRefused(counters, protocol, rejections);
}
