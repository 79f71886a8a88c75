import { assert } from '../runtime/assert.ts';

/**
 * Something that has to be read before a walk can go on. Walks are generators that hand these out in between their results: whoever runs one
 * calls `load` and waits for what it returns, if it returns anything. So one walk serves what is at hand, within one turn, and what is not.
 */
export interface PendingRead {
  load(): void | Promise<void>;
}

export function isPendingRead(item: object | number): item is PendingRead {
  return typeof item === 'object' && 'load' in item;
}

/** The results of a walk over what is at hand. */
export function* resultsAtOnce<R extends object | number>(walk: Iterable<R | PendingRead>): Generator<R> {
  for (const item of walk) {
    if (isPendingRead(item)) assert(item.load() === undefined, 'a read that is not at hand');
    else yield item as R;
  }
}

/** The results of a walk, as what it reads comes. */
export async function* results<R extends object | number>(walk: Iterable<R | PendingRead>): AsyncGenerator<R> {
  for (const item of walk) {
    if (isPendingRead(item)) await item.load();
    else yield item as R;
  }
}
