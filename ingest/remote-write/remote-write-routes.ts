import { Hono, type Context } from 'hono';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import { countRefused, countStored } from '../door-counters.ts';
import { REMOTE_WRITE_PATHS } from '../door-paths.ts';
import type { DoorRouteServices } from '../door-route-services.ts';
import type { WriteBodies } from '../write-bodies.ts';
import { NOTHING_COUNTED, type WriteCounts } from '../write-counts.ts';
import { doorError, writeError, writeResponse, type MoreHeaders } from '../write-outcome.ts';
import type { RemoteWriteDoor, RemoteWriteVersion } from './remote-write-door.ts';

export interface RemoteWriteRouteServices extends DoorRouteServices {
  readonly door: RemoteWriteDoor;
  readonly bodies: WriteBodies;
  readonly counters: Counters;
}

/** Remote write, to be mounted at the root. */
export function remoteWriteRoutes(services: RemoteWriteRouteServices): Hono {
  const routes = new Hono();
  for (const path of REMOTE_WRITE_PATHS) {
    routes.post(path, async (context) => {
      const { headers } = context.req.raw;
      let version: RemoteWriteVersion;
      try {
        version = remoteWriteVersion(headers.get('content-type') ?? '');
        checkEncoding(headers.get('content-encoding') ?? 'snappy');
      } catch (error) {
        return writeError(doorError(error, services.requestIdOf(context)));
      }
      // From here on a sender of 2.0 is told what was written, whatever happens: without these headers it takes the receiver for a 1.0 one.
      try {
        return await remoteWrite(services, context, version);
      } catch (error) {
        return writeError(doorError(error, services.requestIdOf(context)), writtenHeaders(version, NOTHING_COUNTED));
      }
    });
  }
  return routes;
}

async function remoteWrite(services: RemoteWriteRouteServices, context: Context, version: RemoteWriteVersion): Promise<Response> {
  const shards = await services.openTenant(context);
  const bytesMax = services.door.bodyBytesMax(shards.tenant);
  const outcome = await services.bodies.with(context.req.raw, shards.tenant, bytesMax, 'writeBodyBytesMax', (body, held) => services.door.write(shards, body, version, held));
  const protocol = `remote-write-v${version}`;
  countStored(services.counters, protocol, outcome.stored);
  // After a failure all of it comes again, and what is refused with it.
  if (outcome.failure === undefined) countRefused(services.counters, protocol, outcome.rejections);
  return writeResponse(outcome, writtenHeaders(version, outcome.written));
}

function writtenHeaders(version: RemoteWriteVersion, { samples, histograms, exemplars }: WriteCounts): MoreHeaders | undefined {
  if (version === 1) return undefined;
  return {
    'x-prometheus-remote-write-samples-written': String(samples),
    'x-prometheus-remote-write-histograms-written': String(histograms),
    'x-prometheus-remote-write-exemplars-written': String(exemplars),
  };
}

/** Full names of the protobuf messages, in lower case. */
const MESSAGE_VERSIONS: Readonly<Record<string, RemoteWriteVersion>> = {
  'prometheus.writerequest': 1,
  'io.prometheus.write.v2.request': 2,
};

/**
 * The content type alone decides what the body is (remote_write_spec_2_0.md, "Protocol"), not the version header; 1.0 is what a bare or
 * absent content type means. Parameters but `proto` change nothing, however they are written.
 */
function remoteWriteVersion(contentType: string): RemoteWriteVersion {
  const [mediaType, ...parameters] = contentType.split(';').map((part) => part.trim());
  if (mediaType !== '' && mediaType!.toLowerCase() !== 'application/x-protobuf') {
    throw new VarveError('not-supported', `content type ${mediaType} is not supported here; send application/x-protobuf`);
  }
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=', 2);
    if (name!.trim().toLowerCase() !== 'proto') continue;
    const message = value.trim().replace(/^"(.*)"$/, '$1');
    const version = Object.hasOwn(MESSAGE_VERSIONS, message.toLowerCase()) ? MESSAGE_VERSIONS[message.toLowerCase()] : undefined;
    if (version !== undefined) return version;
    throw new VarveError('not-supported', `protobuf message ${message} is not supported here; send io.prometheus.write.v2.Request or prometheus.WriteRequest`);
  }
  return 1;
}

function checkEncoding(header: string): void {
  const encoding = header.trim().toLowerCase();
  // An empty header is none.
  if (encoding === 'snappy' || encoding === '') return;
  throw new VarveError('not-supported', `content encoding ${encoding} is not supported here; send snappy (block format)`);
}
