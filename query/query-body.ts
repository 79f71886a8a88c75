import { readBody, readInTime } from '../ingest/read-body.ts';
import { systemClock, type Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';

/** The body of a query, up to a limit by its name. A query has its turn already while its body arrives, so it must arrive in time. */
export async function readQueryBody(request: Request, limitName: 'queryBodyBytesMax' | 'remoteReadBodyBytesMax', clock: Clock = systemClock): Promise<Uint8Array> {
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
