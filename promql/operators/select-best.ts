import { goSort } from '../go-sort.ts';

/**
 * The `limit` largest (or smallest) of some series at one step, best first; NaN ranks last either way. Of equal values it keeps those that
 * Prometheus would, in its order, which depends on how its heap moves: `heap[0]` is the worst of those kept so far, and one that is strictly
 * better takes its place. A small limit costs little however many series there are.
 *
 * `candidates` are indexes into `values`, in the order of the series.
 */
export function selectBest(candidates: readonly number[], values: Float64Array, limit: number, largest: boolean): number[] {
  // Whether a ranks before b with the worst first.
  const isWorse = (a: number, b: number): boolean => {
    const valueA = values[a]!;
    const valueB = values[b]!;
    return Number.isNaN(valueA) || (largest ? valueA < valueB : valueA > valueB);
  };
  const heap: number[] = [];
  for (const candidate of candidates) {
    if (heap.length < limit) {
      heap.push(candidate);
      siftUp(heap, isWorse);
      continue;
    }
    const worst = values[heap[0]!]!;
    const value = values[candidate]!;
    const isBetter = largest ? worst < value : worst > value;
    if (!isBetter && !(Number.isNaN(worst) && !Number.isNaN(value))) continue;
    heap[0] = candidate;
    siftDown(heap, isWorse);
  }
  return goSort(heap, (a, b) => isWorse(b, a));
}

function siftUp(heap: number[], isWorse: (a: number, b: number) => boolean): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isWorse(heap[child]!, heap[parent]!)) return;
    swap(heap, child, parent);
    child = parent;
  }
}

function siftDown(heap: number[], isWorse: (a: number, b: number) => boolean): void {
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= heap.length) return;
    if (child + 1 < heap.length && isWorse(heap[child + 1]!, heap[child]!)) child++;
    if (!isWorse(heap[child]!, heap[parent]!)) return;
    swap(heap, parent, child);
    parent = child;
  }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a]!;
  heap[a] = heap[b]!;
  heap[b] = kept;
}
