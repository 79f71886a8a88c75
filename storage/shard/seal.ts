import { NO_ENTRY, type LogHead } from './log-head.ts';
import { rebasePayloads } from './payloads.ts';
import { SampleRun } from './sample-run.ts';
import type { SeriesSamples } from './segment.ts';
import { SegmentRowsWriter, type SealedRow, type SegmentRowLimits } from './segment-rows.ts';
import type { SeriesIndex } from './series-index.ts';

/** Entries of the log that are put in order at a time: as columns 1 MiB, which stays in the processor's cache. */
const PART_ENTRIES_TARGET = 64 * 1024;

/**
 * Turns the whole log into segment rows: series in label order, each with its samples in order of time. Pure: writing the rows and
 * freeing the log is the caller's transaction.
 */
export function* sealLog(head: LogHead, index: SeriesIndex, limits: SegmentRowLimits, partEntriesTarget = PART_ENTRIES_TARGET): Generator<SealedRow> {
  const refs = index.refsByLabels();
  const writer = new SegmentRowsWriter(limits);
  const disordered = new SampleRun(0);
  for (const { samples, ends, firstRank, endRank } of partsOf(head, refs, index.refLimit, partEntriesTarget)) {
    for (let rank = firstRank, start = 0; rank < endRank; rank++) {
      const ref = refs[rank]!;
      const end = ends[ref]!;
      if (end === start) continue;
      let isFull: boolean;
      if (head.isRising(ref)) isFull = writer.add(ref, index.metricNameOf(ref), samples, start, end);
      else {
        disordered.clear();
        disordered.append(samples, start, end);
        disordered.settle();
        isFull = writer.add(ref, index.metricNameOf(ref), disordered, 0, disordered.length);
      }
      if (isFull) yield* writer.take();
      start = end;
    }
  }
  yield* writer.finish();
}

/** Some series that are neighbours in label order: those of ranks `firstRank` to `endRank` (exclusive) have their samples side by side. */
interface LogPart {
  readonly firstRank: number;
  readonly endRank: number;
  /** Good until the next part is asked for. Values stand for histograms of the log. */
  readonly samples: SeriesSamples;
  /** By ref: where its samples end, and those of the next series begin. */
  readonly ends: Uint32Array;
}

/**
 * Puts the log's entries in the order of series, by two counting sorts: entry numbers by part, then the columns of one part at a time. Each
 * keeps the order of acceptance. Walking the back-links would find the same, one cache miss behind the other; here the misses overlap, and
 * what is written lies close together.
 */
function* partsOf(head: LogHead, refsByRank: Uint32Array, refLimit: number, entriesTarget: number): Generator<LogPart> {
  const { refs, count, timestampsMs, valueBits, startsMs, payloads } = head;
  /** By ref: how many entries; then the place in its part of the next one. */
  const places = new Uint32Array(refLimit);
  for (let entry = 0; entry < count; entry++) places[refs[entry]!]!++;
  const partOf = new Uint16Array(refLimit);
  const parts: { readonly firstRank: number; endRank: number; length: number }[] = [];
  let part = { firstRank: 0, endRank: 0, length: 0 };
  for (let rank = 0; rank < refsByRank.length; rank++) {
    const ref = refsByRank[rank]!;
    const length = places[ref]!;
    if (part.length > 0 && part.length + length > entriesTarget) {
      parts.push(part);
      part = { firstRank: rank, endRank: rank, length: 0 };
    }
    places[ref] = part.length;
    partOf[ref] = parts.length;
    part.length += length;
    part.endRank = rank + 1;
  }
  parts.push(part);

  const entries = new Uint32Array(count);
  const next = new Uint32Array(parts.length);
  for (let i = 1; i < parts.length; i++) next[i] = next[i - 1]! + parts[i - 1]!.length;
  for (let entry = 0; entry < count; entry++) entries[next[partOf[refs[entry]!]!]!++] = entry;

  const capacity = parts.reduce((most, { length }) => Math.max(most, length), 0);
  const values = new Float64Array(capacity);
  const samples = { timestampsMs: new Float64Array(capacity), values, bits: new Uint32Array(values.buffer), payloads, startsMs: startsMs && new Float64Array(capacity) };
  let from = 0;
  for (const { firstRank, endRank, length } of parts) {
    for (let i = from; i < from + length; i++) {
      const entry = entries[i]!;
      const place = places[refs[entry]!]!++;
      samples.timestampsMs[place] = timestampsMs[entry]!;
      samples.bits[place * 2] = valueBits[entry * 2]!;
      samples.bits[place * 2 + 1] = valueBits[entry * 2 + 1]!;
      if (startsMs !== undefined) samples.startsMs![place] = startsMs[entry]!;
    }
    from += length;
    yield { firstRank, endRank, samples, ends: places };
  }
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
