import { LIMITS } from '../runtime/limits.ts';
import { isPercentile, NUMBERS, type Aggregate } from './aggregate.ts';
import { keyLabels, rollupLabels } from './keys.ts';
import { RolledUpCursor } from './rolled-up-cursor.ts';
import { SeriesCursor } from './series-cursor.ts';
import { SKETCH_ENTRIES, SKETCH_SIZE } from './sketch-samples.ts';
import type { StoreEngine } from './store-engine.ts';

/** Of which key something is read, and of which time: Unix ms, both inclusive. */
export interface KeyRange {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The values of a key. */
export function rawCursor(engine: StoreEngine, { key, startMs, endMs }: KeyRange): SeriesCursor {
  const labels = keyLabels(key);
  return new SeriesCursor((fromMs, toMs, samplesMax) => engine.readPage(labels, fromMs, toMs, samplesMax), startMs, endMs, LIMITS.storePageSamples);
}

/**
 * The roll-ups of a key that buckets of a width can be made from, widest first. Also those that lack an aggregate which is asked for: where
 * they are all that is left, the answer is an error, and not one that leaves their points out.
 */
export function rolledUpCursors(engine: StoreEngine, range: KeyRange, bucketMs: number, aggregates: readonly Aggregate[]): RolledUpCursor[] {
  const needed = new Set<string>([...aggregates, NUMBERS]);
  if (needed.has('sum') || needed.has('avg')) needed.add('sum').add('avg');
  if (aggregates.some(isPercentile)) needed.add(SKETCH_SIZE);
  const cursors: RolledUpCursor[] = [];
  let narrowerMs = 1;
  for (const { widthMs, aggregates: there } of engine.rollupsOf(range.key).reverse()) {
    if (bucketMs % widthMs !== 0 || widthMs % narrowerMs !== 0) continue;
    cursors.unshift(rolledUpCursor(engine, range, widthMs, there.filter((name) => needed.has(name))));
    narrowerMs = widthMs;
  }
  return cursors;
}

/** The roll-ups of a key of one width: their counts, and of the aggregates those that are named. */
export function rolledUpCursor(engine: StoreEngine, { key, startMs, endMs }: KeyRange, widthMs: number, aggregates: readonly string[]): RolledUpCursor {
  const cursorOf = (name: string, toMs = endMs): SeriesCursor => {
    const labels = rollupLabels(key, widthMs, name);
    return new SeriesCursor((fromMs, throughMs, samplesMax) => engine.readPage(labels, fromMs, throughMs, samplesMax), startMs, toMs, LIMITS.storePageSamples);
  };
  const others = aggregates.filter((name) => name !== 'count' && name !== SKETCH_SIZE && name !== SKETCH_ENTRIES).map((name) => [name, cursorOf(name)] as const);
  // The entries of a bucket that begins within the range lie behind its start.
  const sketches = aggregates.includes(SKETCH_SIZE) ? { sizes: cursorOf(SKETCH_SIZE), entries: cursorOf(SKETCH_ENTRIES, endMs + widthMs) } : undefined;
  return new RolledUpCursor(widthMs, cursorOf('count'), new Map(others), sketches);
}
