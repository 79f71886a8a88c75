import { readBody, readInTime } from '../ingest/read-body.ts';
import { systemClock, type Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';

type LimitName = 'queryBodyBytesMax' | 'remoteReadBodyBytesMax' | 'keyRequestBytesMax' | 'icebergBodyBytesMax';

/**
 * A body that brings no samples, but says what is wanted, up to a limit by its name. It must arrive in time: a query has its turn already
 * meanwhile, and a form for a token comes from anybody.
 */
export async function readShortBody(request: Request, limitName: LimitName, clock: Clock = systemClock): Promise<Uint8Array> {
  const { queryBodyMsMax } = LIMITS;
  const body = await readInTime(clock, queryBodyMsMax, () => readBody(request, LIMITS[limitName], limitName).catch(brokenOff));
  if (body === 'expired') throw new VarveError('timeout', `the body has not arrived within queryBodyMsMax (${queryBodyMsMax} ms); send it again`);
  return body;
}

/** What is not an error of ours is the client's connection, which has ended: nobody is there to be told, and nothing is wrong here. */
function brokenOff(error: unknown): never {
  if (error instanceof VarveError) throw error;
  throw new VarveError('canceled', 'the body broke off before all of it had arrived', { cause: error });
}
