import { compareLabels, type Labels } from '../../storage/model/labels.ts';

/**
 * Merges streams that are each in order into one. All streams are started at once, so that the first answers are fetched side by side.
 * Stopping early stops every stream.
 */
export async function* mergeSorted<T>(streams: readonly AsyncIterable<T>[], compare: (a: T, b: T) => number): AsyncGenerator<T> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      let least = -1;
      for (let i = 0; i < heads.length; i++) {
        const head = heads[i]!;
        if (head.done === true) continue;
        if (least < 0 || compare(head.value, (heads[least] as IteratorYieldResult<T>).value) < 0) least = i;
      }
      if (least < 0) return;
      yield (heads[least] as IteratorYieldResult<T>).value;
      heads[least] = await iterators[least]!.next();
    }
  } finally {
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}

/** Out of a stream in label order what has the same labels, together. */
export async function* bySeries<T extends { readonly labels: Labels }>(stream: AsyncIterable<T>): AsyncGenerator<T[]> {
  let open: T[] = [];
  for await (const one of stream) {
    if (open.length > 0 && compareLabels(open[0]!.labels, one.labels) !== 0) {
      yield open;
      open = [];
    }
    open.push(one);
  }
  if (open.length > 0) yield open;
}
