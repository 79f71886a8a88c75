import { concatBytes } from '../proto/concat-bytes.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { startSystemTimer, type StartTimer } from '../storage/runtime/timer.ts';
import { BodyReader } from './body-reader.ts';
import { orExpired } from './or-expired.ts';
import { UNCOUNTED, type HeldMemory } from './request-memory.ts';

/** A body of a declared length that is no longer than this is counted as held before it has arrived: reading it in one go is cheapest. */
const AT_ONCE_BYTES_MAX = 1024 * 1024;

/** How long a body may be, and how long it may take to arrive, with the names of both limits. */
export interface BodyBounds {
  readonly bytesMax: number;
  readonly bytesLimit: string;
  readonly msMax: number;
  readonly msLimit: string;
}

/**
 * A request's body. The declared length is checked first, and what really arrives while it does. `held` counts it, and may refuse it.
 *
 * Throws too-large and timeout by the bounds, canceled when the client hangs up, and what `held` does.
 */
export async function readBody(request: Request, bounds: BodyBounds, startTimer: StartTimer, held?: HeldMemory): Promise<Uint8Array> {
  const { bytesMax, bytesLimit, msMax, msLimit } = bounds;
  let isTooLarge = false;
  const body = await readInTime(startTimer, msMax, () => readWithin(request, bytesMax, held, () => (isTooLarge = true)));
  // Also when its time was up while the rest was thrown away: to send it again would never help.
  if (isTooLarge || body === undefined) throw new VarveError('too-large', `the body is larger than the limit ${bytesLimit} of ${bytesMax} bytes; send smaller requests`);
  if (body === 'expired') throw new VarveError('timeout', `the body has not arrived within ${msLimit} (${msMax} ms); send it again`);
  return body;
}

/** The body; `undefined` when it is longer than `bytesMax`, and `onTooLarge` has been told before the rest of it was thrown away. */
async function readWithin(request: Request, bytesMax: number, held: HeldMemory | undefined, onTooLarge: () => void): Promise<Uint8Array | undefined> {
  const declared = request.headers.get('content-length');
  const isWithin = declared !== null && Number(declared) <= bytesMax;
  // With a declared length the runtime holds the sender to it; without one, count.
  if (isWithin && (held === undefined || Number(declared) <= AT_ONCE_BYTES_MAX)) {
    held?.hold(Number(declared));
    return new Uint8Array(await request.arrayBuffer());
  }
  if (request.body === null) return new Uint8Array(0);
  const reader = new BodyReader(request.body);
  const body = declared === null || isWithin ? await readUpTo(reader, bytesMax, held ?? UNCOUNTED) : undefined;
  if (body !== undefined) return body;
  onTooLarge();
  await discard(reader, bytesMax * DISCARD_FACTOR);
  return undefined;
}

/**
 * What comes of reading a body, given up when that takes longer: a client that sends a byte a second must not hold memory, or a turn, for as
 * long as it likes. An error that is not ours means that the client's connection has ended: nobody is there to be told, and nothing is wrong here.
 */
export async function readInTime<T>(startTimer: StartTimer, msMax: number, read: () => Promise<T>): Promise<T | 'expired'> {
  try {
    return await orExpired(read, msMax, startTimer);
  } catch (error) {
    throw error instanceof VarveError ? error : new VarveError('canceled', 'the client hung up before all of the body had arrived', { cause: error });
  }
}

/** The whole stream, `undefined` when it is longer than `bytesMax`. */
async function readUpTo(reader: BodyReader, bytesMax: number, held: HeldMemory): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let heldBytes = 0;
  for (;;) {
    const piece = await reader.read();
    if (piece === undefined) break;
    length += piece.length;
    if (length > bytesMax) return undefined;
    // What a piece keeps in memory, which may be more than it is long.
    const { byteLength } = piece.buffer;
    try {
      held.hold(byteLength);
      heldBytes += byteLength;
    } catch (error) {
      reader.cancel();
      throw error;
    }
    chunks.push(piece);
  }
  const body = concatBytes(chunks, length);
  held.drop(heldBytes - body.buffer.byteLength);
  return body;
}

/**
 * A body over the limit is read on and thrown away, up to this many times the limit: a client that is still sending when the connection
 * closes sees a broken pipe instead of the answer, and a remote-write sender would then try the same again for ever.
 */
const DISCARD_FACTOR = 3;

async function discard(reader: BodyReader, bytesMax: number): Promise<void> {
  for (let length = 0; length <= bytesMax; ) {
    const piece = await reader.read();
    if (piece === undefined) return;
    length += piece.length;
  }
  reader.cancel();
}

/**
 * Throws away the body of a request that is refused without a look at it, when it is no longer than `bytesMax` and comes within
 * `refusedBodyMsMax`, so that the client sees the answer (see DISCARD_FACTOR). Longer and slower ones are cut off: a stranger must not keep us
 * reading.
 */
export async function discardBody(request: Request, bytesMax: number, startTimer: StartTimer = startSystemTimer): Promise<void> {
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (request.body === null || request.bodyUsed || declared > bytesMax) return;
  const reader = new BodyReader(request.body);
  // A client that hangs up meanwhile gets no answer anyway.
  const end = await readInTime(startTimer, LIMITS.refusedBodyMsMax, () => discard(reader, bytesMax)).catch(() => {});
  if (end === 'expired') reader.cancel();
}
