import { isAboutDamage } from './runtime/damage.ts';
import { messageOf, VarveError } from './runtime/errors.ts';

/** The object may have been evicted or replaced, or may have fenced itself: then a new stub finds it again. */
const ATTEMPTS_MAX = 2;

/**
 * One call of an object, by default retried once on a new stub. The runtime has retried by itself before that; an overloaded object is left
 * alone, and one whose storage is damaged is so the next time, too. Everything that our objects offer may be done twice. `what` names the object in the error.
 */
export async function callObject<T>(body: () => Promise<T>, what: string, attemptsMax = ATTEMPTS_MAX): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await body();
    } catch (error) {
      // Ours, from before the call.
      if (error instanceof VarveError) throw error;
      if (isAboutDamage(error)) throw new VarveError('damaged', `${what} cannot answer: ${messageOf(error)}; nothing is lost by trying again, but an operator has to look`, { cause: error });
      if (isOverloaded(error)) throw new VarveError('overloaded', `${what} has too much to do; try again later`, { cause: error });
      if (attempt < attemptsMax) continue;
      const reason = messageOf(error);
      throw new VarveError('unavailable', `${what} cannot be reached; try again later (${reason})`, { cause: error });
    }
  }
}

function isOverloaded(error: unknown): boolean {
  return error instanceof Error && (error as { overloaded?: unknown }).overloaded === true;
}
