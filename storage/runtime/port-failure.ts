import { messageOf } from './errors.ts';

/** The object store or another object failed, or its outcome is unknown: to be tried again. */
export class PortFailure extends Error {
  override readonly name = 'PortFailure';
}

/** Runs a call of somebody else's service; whatever it throws becomes a PortFailure. */
export async function port<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new PortFailure(messageOf(error), { cause: error });
  }
}
