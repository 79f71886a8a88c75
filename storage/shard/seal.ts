import { NO_ENTRY, type LogHead } from './log-head.ts';
import { rebasePayloads } from './payloads.ts';
import { SampleRun } from './sample-run.ts';
import { SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { SeriesIndex } from './series-index.ts';

/**
 * Turns the whole log into segment rows: series in label order, each with its samples in order of time. Pure: writing the rows and
 * freeing the log is the caller's transaction.
 */
export function* sealLog(head: LogHead, index: SeriesIndex, limits: SegmentRowLimits): Generator<SealedRow> {
  const { ends, entries } = groupByRef(head, index.refLimit);
  const refs: number[] = [];
  for (let ref = 0; ref < index.refLimit; ref++) {
    if (ends[ref]! > (ref === 0 ? 0 : ends[ref - 1]!)) refs.push(ref);
  }
  index.sortByLabels(refs);
  const writer = new SegmentRowsWriter(limits);
  const run = new SampleRun();
  for (const ref of refs) {
    takeEntries(head, entries, ref === 0 ? 0 : ends[ref - 1]!, ends[ref]!, run);
    run.settle();
    yield* writer.add(ref, index.metricNameOf(ref), run, 0, run.length);
  }
  yield* writer.finish();
}

/**
 * Counting sort: the log's entries by ref, each series' in the order of acceptance; those of `ref` end (exclusive) at `ends[ref]`. Walking
 * the back-links would find the same, one cache miss behind the other; here the misses overlap.
 */
function groupByRef(head: LogHead, refLimit: number): { ends: Uint32Array; entries: Uint32Array } {
  const { refs, count } = head;
  const ends = new Uint32Array(refLimit);
  for (let entry = 0; entry < count; entry++) ends[refs[entry]!]!++;
  for (let ref = 0, end = 0; ref < refLimit; ref++) {
    const length = ends[ref]!;
    ends[ref] = end; // for now the start: the next pass moves it to the end
    end += length;
  }
  const entries = new Uint32Array(count);
  for (let entry = 0; entry < count; entry++) entries[ends[refs[entry]!]!++] = entry;
  return { ends, entries };
}

function takeEntries(head: LogHead, entries: Uint32Array, start: number, end: number, run: SampleRun): void {
  const { timestampsMs, valueBits, startsMs } = head;
  run.clear();
  run.reserve(end - start);
  for (let i = start; i < end; i++) {
    const entry = entries[i]!;
    const to = i - start;
    run.timestampsMs[to] = timestampsMs[entry]!;
    run.bits[to * 2] = valueBits[entry * 2]!;
    run.bits[to * 2 + 1] = valueBits[entry * 2 + 1]!;
  }
  run.length = end - start;
  if (startsMs !== undefined) {
    const target = run.withStarts();
    for (let i = start; i < end; i++) target[i - start] = startsMs[entries[i]!]!;
  }
  if (head.payloads.length > 0) rebasePayloads(run.bits, 0, run.length, head.payloads, run.payloads);
}

/** Appends a series' log entries within the range (ms, both inclusive) to a run, in the order of acceptance. */
export function readLog(head: LogHead, ref: number, startMs: number, endMs: number, run: SampleRun): void {
  const { timestampsMs, valueBits, previous, startsMs } = head;
  const isRising = head.isRising(ref);
  const start = run.length;
  if (startsMs !== undefined) run.withStarts();
  for (let entry = head.lastEntryOf(ref); entry !== NO_ENTRY; entry = previous[entry]!) {
    const timestampMs = timestampsMs[entry]!;
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
