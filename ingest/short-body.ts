import { LIMITS } from '../storage/runtime/limits.ts';
import { startSystemTimer, type StartTimer } from '../storage/runtime/timer.ts';
import { readBody } from './read-body.ts';

const utf8 = new TextDecoder();

type LimitName = 'queryBodyBytesMax' | 'remoteReadBodyBytesMax' | 'keyRequestBytesMax' | 'shardRequestBytesMax' | 'icebergBodyBytesMax';

/**
 * A body that brings no samples, but says what is wanted, up to a limit by its name. It must arrive in time: a query has its turn already
 * meanwhile, and a form for a token comes from anybody.
 */
export function readShortBody(request: Request, limitName: LimitName, startTimer: StartTimer = startSystemTimer): Promise<Uint8Array> {
  return readBody(request, { bytesMax: LIMITS[limitName], bytesLimit: limitName, msMax: LIMITS.queryBodyMsMax, msLimit: 'queryBodyMsMax' }, startTimer);
}

/** The same as text, such as a form. The runtime's own `text()` would be half the time, and warns of each type that does not begin with `text/`. */
export async function readShortText(request: Request, limitName: LimitName, startTimer: StartTimer = startSystemTimer): Promise<string> {
  return utf8.decode(await readShortBody(request, limitName, startTimer));
}
