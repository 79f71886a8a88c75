import { systemClock, type Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { readBody, readInTime, readText } from './read-body.ts';

type LimitName = 'queryBodyBytesMax' | 'remoteReadBodyBytesMax' | 'keyRequestBytesMax' | 'icebergBodyBytesMax';

/**
 * A body that brings no samples, but says what is wanted, up to a limit by its name. It must arrive in time: a query has its turn already
 * meanwhile, and a form for a token comes from anybody.
 */
export async function readShortBody(request: Request, limitName: LimitName, clock: Clock = systemClock): Promise<Uint8Array> {
  return inTime(clock, () => readBody(request, LIMITS[limitName], limitName));
}

/** The same as text, such as a form. */
export async function readShortText(request: Request, limitName: LimitName, clock: Clock = systemClock): Promise<string> {
  return inTime(clock, () => readText(request, LIMITS[limitName], limitName));
}

async function inTime<T>(clock: Clock, read: () => Promise<T>): Promise<T> {
  const { queryBodyMsMax } = LIMITS;
  // In a box: a text may say "expired" itself.
  const boxed = await readInTime(clock, queryBodyMsMax, async () => [await read()] as const);
  if (boxed === 'expired') throw new VarveError('timeout', `the body has not arrived within queryBodyMsMax (${queryBodyMsMax} ms); send it again`);
  return boxed[0];
}
