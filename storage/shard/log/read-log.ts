import { rebasePayloads } from '../run/payloads.ts';
import type { SampleRun } from '../run/sample-run.ts';
import { NO_ENTRY, type LogHead } from './log-head.ts';

/** Appends a series' log entries within the range (ms, both inclusive) to a run, in the order of acceptance. */
export function readLog(head: LogHead, ref: number, startMs: number, endMs: number, run: SampleRun): void {
  const { times, valueBits, previous, startsMs } = head;
  const isRising = head.isRising(ref);
  const start = run.length;
  if (startsMs !== undefined) run.withStarts();
  for (let entry = head.lastEntryOf(ref); entry !== NO_ENTRY; entry = previous[entry]!) {
    const timestampMs = times.at(entry);
    if (timestampMs > endMs) continue;
    if (timestampMs < startMs) {
      if (isRising) break;
      continue;
    }
    if (run.length === run.timestampsMs.length) run.reserve(run.length + 1);
    const to = run.length++;
    run.timestampsMs[to] = timestampMs;
    run.bits[to * 2] = valueBits[entry * 2]!;
    run.bits[to * 2 + 1] = valueBits[entry * 2 + 1]!;
    if (startsMs !== undefined) run.startsMs![to] = startsMs[entry]!;
    else if (run.startsMs !== undefined) run.startsMs[to] = 0;
  }
  // The walk went backwards.
  run.startsMs?.subarray(start, run.length).reverse();
  run.timestampsMs.subarray(start, run.length).reverse();
  run.bits.subarray(start * 2, run.length * 2).reverse();
  for (let i = start; i < run.length; i++) {
    const high = run.bits[i * 2]!;
    run.bits[i * 2] = run.bits[i * 2 + 1]!;
    run.bits[i * 2 + 1] = high;
  }
  if (head.payloads.length > 0) rebasePayloads(run.bits, start, run.length, head.payloads, run.payloads);
}
