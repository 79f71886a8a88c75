import { VarveError, badData } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/local-batch.ts';
import { documentBits } from './documents.ts';
import { keyLabels } from './keys.ts';
import type { StoreEngine } from './store-engine.ts';
import { isoText } from './timestamp.ts';
import type { StoredValue } from './value.ts';

/** A point that has been checked. */
export interface NewPoint {
  readonly key: string;
  readonly timestampMs: number;
  readonly value: StoredValue;
}

/** JavaScript's own NaN. Others would be given back as some NaN, and those of one pattern stand for documents. */
const NAN_BITS: readonly [low: number, high: number] = [0, 0x7ff80000];

/** Writes all of the points in one transaction, or none. */
export function writePoints(engine: StoreEngine, points: readonly NewPoint[]): void {
  const fresh = withoutSentAgain(engine, points);
  if (fresh.length === 0) return;
  refuseWhatCannotBeTaken(engine, fresh);
  engine.write(({ hot, documents }) => {
    const answer = hot.appendLocal(seriesOf(fresh, (point, text) => documentBits(documents.put(point.timestampMs, text))));
    // The checks above leave nothing to refuse but a collision of series ids.
    if (answer.samplesRefused > 0) throw new VarveError('limit', answer.refusal ?? 'samples were refused');
  });
  for (const { key, timestampMs } of fresh) engine.asOf.forgetFrom(key, timestampMs);
}

/** Without documents that are there already, unless they are to take the place of another point of the batch. */
function withoutSentAgain(engine: StoreEngine, points: readonly NewPoint[]): NewPoint[] {
  const fresh: NewPoint[] = [];
  /** Places of the fresh points, made when the first document is found to be sent again. */
  let places: Set<string> | undefined;
  const placeOf = ({ key, timestampMs }: NewPoint): string => `${timestampMs} ${key}`;
  for (const point of points) {
    if (isSentAgain(engine, point)) {
      places ??= new Set(fresh.map(placeOf));
      if (!places.has(placeOf(point))) continue;
    }
    fresh.push(point);
    places?.add(placeOf(point));
  }
  return fresh;
}

/** A document that is there already would only take room again. Numbers that are, the engine finds by itself. */
function isSentAgain(engine: StoreEngine, { key, timestampMs, value }: NewPoint): boolean {
  if (value.kind === 'number') return false;
  const there = engine.lastSampleAt(keyLabels(key), timestampMs);
  if (there?.timestampMs !== timestampMs) return false;
  const stored = engine.storedValue(there);
  return stored?.kind === 'document' && stored.text === value.text;
}

/** Everything is checked before anything is touched: an error within the transaction would cost a new start. */
function refuseWhatCannotBeTaken(engine: StoreEngine, points: readonly NewPoint[]): void {
  engine.read(({ hot, rawFloor }) => {
    const floorMs = Math.max(hot.archive.writeFloorMs, rawFloor.ms);
    const isClosed = hot.archive.mark.closedUntilMs === floorMs;
    for (const { key, timestampMs } of points) {
      if (timestampMs >= floorMs) continue;
      throw badData(
        `the value of ${JSON.stringify(key)} at ${isoText(timestampMs)} is older than ${isoText(floorMs)}, before which everything ${isClosed ? 'has moved into the archive' : 'was pruned'} (a time in seconds has to be multiplied by 1000)`,
      );
    }
    const newKeys = [...new Set(points.map((point) => point.key))].filter((key) => hot.refOf(keyLabels(key)) === undefined);
    if (newKeys.length === 0) return;
    const series = hot.stats().gauges['series'] ?? 0;
    if (series + newKeys.length > LIMITS.activeSeriesMax) {
      throw new VarveError('limit', `${newKeys.length} new keys beside ${series} series, the limit activeSeriesMax is ${LIMITS.activeSeriesMax}`);
    }
  });
}

/** The points as columns, by key, in the order in which they were given. */
function seriesOf(points: readonly NewPoint[], putDocument: (point: NewPoint, text: string) => readonly [low: number, high: number]): LocalSeries[] {
  const byKey = new Map<string, NewPoint[]>();
  for (const point of points) {
    const known = byKey.get(point.key);
    if (known === undefined) byKey.set(point.key, [point]);
    else known.push(point);
  }
  return [...byKey].map(([key, ofKey]) => {
    const values = new Float64Array(ofKey.length);
    const bits = new Uint32Array(values.buffer);
    ofKey.forEach((point, i) => {
      const { value } = point;
      if (value.kind === 'document') bits.set(putDocument(point, value.text), i * 2);
      else if (Number.isNaN(value.number)) bits.set(NAN_BITS, i * 2);
      else values[i] = value.number;
    });
    return { labels: keyLabels(key), timestampsMs: ofKey.map((point) => point.timestampMs), values };
  });
}
