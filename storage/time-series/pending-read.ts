import { assert } from '../runtime/assert.ts';

/**
 * Something that has to be read before a walk can go on. Walks are generators that hand these out in between their results: whoever runs one
 * calls `load` and waits for what it returns, if it returns anything. So one walk serves what is at hand, within one turn, and what is not.
 */
export interface PendingRead {
  load(): void | Promise<void>;
}

/** Runs a walk over what is at hand to its end, and returns its result. */
export function finishAtOnce<R>(walk: Generator<PendingRead, R>): R {
  for (;;) {
    const step = walk.next();
    if (step.done === true) return step.value;
    loadAtOnce(step.value);
  }
}

/** The results of a walk over what is at hand. */
export function* resultsAtOnce(walk: Iterable<number | PendingRead>): Generator<number> {
  for (const item of walk) {
    if (typeof item === 'number') yield item;
    else loadAtOnce(item);
  }
}

function loadAtOnce(read: PendingRead): void {
  assert(read.load() === undefined, 'a read that is not at hand');
}
