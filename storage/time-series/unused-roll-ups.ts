import { VarveError } from '../runtime/errors.ts';
import { durationText } from './duration.ts';
import { rolledUpCursor, type KeyRange } from './key-cursors.ts';
import type { PendingRead } from './pending-read.ts';
import type { RolledUpCursor } from './rolled-up-cursor.ts';
import type { StoreEngine } from './store-engine.ts';

/** The roll-ups of a key that are not among those used: no bucket of the width asked for can be made from theirs. */
export function unusedRollUps(engine: StoreEngine, range: KeyRange, used: readonly RolledUpCursor[]): RolledUpCursor[] {
  const usedWidths = new Set(used.map(({ widthMs }) => widthMs));
  return engine
    .rollupsOf(range.key)
    .filter(({ widthMs }) => !usedWidths.has(widthMs))
    .map(({ widthMs }) => rolledUpCursor(engine, range, widthMs, []));
}

/**
 * Refuses an answer that says nothing of a time of which an unused roll-up knows something: it would look as if nothing had ever been there.
 * `bucketStarts` are those of the answer, in order of time, each of `bucketMs`.
 */
export function* checkNothingLeftOut(unused: readonly RolledUpCursor[], bucketStarts: readonly number[], bucketMs: number): Generator<PendingRead, void> {
  for (const cursor of unused) {
    let at = 0;
    yield* cursor.skipTo(-Infinity);
    while (cursor.startMs < Infinity) {
      while (at < bucketStarts.length && bucketStarts[at]! + bucketMs <= cursor.startMs) at++;
      if (cursor.count > 0 && !(bucketStarts[at]! < cursor.startMs + cursor.widthMs)) throw leftOut(cursor, bucketMs);
      cursor.advance();
      while (cursor.isWaiting) yield cursor;
    }
  }
}

function leftOut({ startMs, widthMs }: RolledUpCursor, bucketMs: number): VarveError {
  const width = durationText(widthMs);
  return new VarveError(
    'execution',
    `of ${new Date(startMs).toISOString()} there is only a roll-up of ${width}, from which no buckets of ${durationText(bucketMs)} can be made; ask for a multiple of ${width}, or for a later start`,
  );
}
