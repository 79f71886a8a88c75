/**
 * The first `limit` of `items` in the order of `compare`, sorted. Keeps a heap of the best so far with the worst on top, so a small limit
 * costs little however many items there are.
 */
export function selectBest(items: readonly number[], limit: number, compare: (a: number, b: number) => number): number[] {
  if (limit >= items.length) return [...items].sort(compare);
  const heap: number[] = [];
  for (const item of items) {
    if (heap.length < limit) {
      heap.push(item);
      siftUp(heap, compare);
    } else if (compare(item, heap[0]!) < 0) {
      heap[0] = item;
      siftDown(heap, compare);
    }
  }
  return heap.sort(compare);
}

function siftUp(heap: number[], compare: (a: number, b: number) => number): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (compare(heap[child]!, heap[parent]!) <= 0) return;
    swap(heap, child, parent);
    child = parent;
  }
}

function siftDown(heap: number[], compare: (a: number, b: number) => number): void {
  let parent = 0;
  for (;;) {
    let worst = parent;
    for (let child = 2 * parent + 1; child <= 2 * parent + 2 && child < heap.length; child++) {
      if (compare(heap[child]!, heap[worst]!) > 0) worst = child;
    }
    if (worst === parent) return;
    swap(heap, parent, worst);
    parent = worst;
  }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a]!;
  heap[a] = heap[b]!;
  heap[b] = kept;
}
