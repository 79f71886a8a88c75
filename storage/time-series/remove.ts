import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { HotStore } from '../shard/hot-store.ts';
import { DocumentMarks, documentId } from './documents.ts';
import { keyLabels, roleOf } from './keys.ts';
import type { StoreEngine } from './store-engine.ts';

/**
 * From this share of the keys that there may be on, segments are rewritten to let old ones go. Below it keys without values stay in memory for as
 * long as a segment straddles the floor, a merge's width at most: they answer nothing, and there is room for all that may come.
 */
const CROWDED_SHARE = 0.5;

interface PrunePlan {
  /** Raw values older than this go (Unix ms). */
  readonly rawBeforeMs: number;
  readonly rolledUpBeforeMs: number;
  readonly nowMs: number;
}

/** Removes raw values and roll-ups older than the given times, and returns how many samples. */
export function pruneStore(engine: StoreEngine, { rawBeforeMs, rolledUpBeforeMs, nowMs }: PrunePlan): number {
  // Without roll-ups one floor serves all, and no segment has to be rewritten.
  const { hasRollups } = engine;
  // What is older than a floor is refused, so none may lie in the future: values of today would be.
  const floorMs = Math.min(rawBeforeMs, nowMs);
  const removed = engine.write(({ hot, documents, rawFloor }) => {
    if (hasRollups) rawFloor.raise(floorMs);
    let samples = hasRollups ? 0 : pruneHot(hot, floorMs);
    if (hasRollups || rawBeforeMs > floorMs) samples += hot.pruneSeries((labels) => (roleOf(labels).rollup === undefined ? rawBeforeMs : rolledUpBeforeMs));
    // A snapshot's samples may stand for any document; the first prune after the last snapshot catches up.
    if (hot.listSnapshots().length === 0) documents.deleteBefore(rawBeforeMs);
    return samples;
  });
  engine.asOf.clear();
  return removed;
}

/** Removes from the hot tier what is archived, and returns how many samples. They stay readable. */
export function pruneArchived(engine: StoreEngine): number {
  return engine.write(({ hot, documents }) => {
    const { archivedUntilMs } = hot.archive.mark;
    const removed = pruneHot(hot, archivedUntilMs);
    // Snapshots may stand for any document; the first time behind the last snapshot catches up.
    if (hot.listSnapshots().length === 0) documents.deleteBefore(archivedUntilMs);
    return removed;
  });
}

/** A floor costs nothing, and leaves segments that straddle it with the keys of what is below, which count among those that there may be. */
function pruneHot(hot: HotStore, beforeMs: number): number {
  const isCrowded = hot.stats().gauges['series']! >= LIMITS.activeSeriesMax * CROWDED_SHARE;
  const removed = isCrowded ? hot.pruneSeries(() => beforeMs) : 0;
  return removed + hot.prune(beforeMs);
}

/** Leaves each key its newest values, and returns how many samples were removed. Roll-ups stay: they are what remains of the others. */
export function compactStore(engine: StoreEngine, maxVersionsPerKey: number): number {
  const removed = engine.write(({ hot, archive, marks }) => {
    const samples = hot.compact({
      maxVersionsPerKey,
      isMeant: (labels) => roleOf(labels).rollup === undefined,
      // What has moved, or came late, is older than what goes here: without it, it would say what it was not. What is written behind this to
      // windows that are open moves later, and stays.
      onCut: (labels, beforeMs) => archive?.keys.hideBefore(roleOf(labels).key, Math.min(beforeMs, hot.archive.mark.closedUntilMs)),
    });
    marks.noteCompacted(hot.archive.sampleCount);
    return samples;
  });
  sweepDocuments(engine);
  engine.asOf.clear();
  return removed;
}

/** Deletes the documents that no sample stands for: overwritten ones, and those of samples that a compaction removed. */
function sweepDocuments(engine: StoreEngine): void {
  if (engine.read(({ hot, documents }) => documents.isEmpty || hot.listSnapshots().length > 0)) return;
  const marks = new DocumentMarks();
  for (const key of engine.hotKeys()) {
    const labels = keyLabels(key);
    for (let startMs: number | undefined = -TIMESTAMP_MS_MAX; startMs !== undefined; ) {
      const page = engine.readHotPage(labels, startMs, TIMESTAMP_MS_MAX, LIMITS.storePageSamples);
      for (let i = 0; i < (page?.timestampsMs.length ?? 0); i++) {
        const id = documentId(page!.valueBits[i * 2]!, page!.valueBits[i * 2 + 1]!);
        if (id !== undefined) marks.add(id);
      }
      startMs = page?.nextStartMs;
    }
  }
  engine.write(({ documents }) => documents.deleteUnmarked(marks));
}
