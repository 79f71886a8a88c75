import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** What V8 says is alive behind a full collection: its heap, and the buffers outside of it. */
export function liveBytes(): number {
  // Twice: what a first one finds unreachable may hold on to buffers outside the heap.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
