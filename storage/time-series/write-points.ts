import { badData, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import { documentBits } from './documents.ts';
import { keyLabels } from './keys.ts';
import type { Parts, StoreEngine } from './store-engine.ts';
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

/** Writes all of the points in one transaction, or none. Those of windows that have moved wait, readable, until they move too. */
export function writePoints(engine: StoreEngine, points: readonly NewPoint[]): void {
  const lateBeforeMs = engine.hasArchive ? engine.closedUntilMs : -Infinity;
  const fresh = withoutSentAgain(engine, points, lateBeforeMs);
  if (fresh.length === 0) return;
  const late = fresh.filter(({ timestampMs }) => timestampMs < lateBeforeMs);
  const timely = late.length === 0 ? fresh : fresh.filter(({ timestampMs }) => timestampMs >= lateBeforeMs);
  engine.read((parts) => {
    refuseTimes(parts, fresh, lateBeforeMs);
    refuseTooMany(parts, timely, late);
  });
  engine.write(({ hot, documents, archive }) => {
    if (late.length > 0) archive!.putLate(seriesOf(late, (_, text) => documentBits(archive!.lateDocuments.put(text))));
    if (timely.length === 0) return;
    const answer = hot.appendLocal(seriesOf(timely, (point, text) => documentBits(documents.put(point.timestampMs, text))));
    // The checks above leave nothing to refuse but a collision of series ids.
    if (answer.samplesRefused > 0) throw new VarveError('limit', answer.refusal ?? 'samples were refused');
  });
  for (const { key, timestampMs } of fresh) engine.asOf.forgetFrom(key, timestampMs);
}

/** Without what is there already, unless they are to take the place of another point of the batch. */
function withoutSentAgain(engine: StoreEngine, points: readonly NewPoint[], lateBeforeMs: number): NewPoint[] {
  const fresh: NewPoint[] = [];
  /** Places of the fresh points, made when the first one is found to be sent again. */
  let places: Set<string> | undefined;
  const placeOf = ({ key, timestampMs }: NewPoint): string => `${timestampMs} ${key}`;
  for (const point of points) {
    if (isSentAgain(engine, point, lateBeforeMs)) {
      places ??= new Set(fresh.map(placeOf));
      if (!places.has(placeOf(point))) continue;
    }
    fresh.push(point);
    places?.add(placeOf(point));
  }
  return fresh;
}

/** A document that is there already would only take room again. Numbers that are, the hot tier finds by itself. */
function isSentAgain(engine: StoreEngine, { key, timestampMs, value }: NewPoint, lateBeforeMs: number): boolean {
  if (value.kind === 'number' && timestampMs >= lateBeforeMs) return false;
  const labels = keyLabels(key);
  // What has moved is not at hand.
  const there = timestampMs < lateBeforeMs ? engine.read(({ archive }) => archive!.late.lastWithin(labels, timestampMs, timestampMs)) : engine.lastSampleAt(labels, timestampMs);
  if (there?.timestampMs !== timestampMs) return false;
  const stored = engine.storedValue(there);
  if (value.kind === 'number') return stored?.kind === 'number' && Object.is(stored.number, value.number);
  return stored?.kind === 'document' && stored.text === value.text;
}

/** Everything is checked before anything is touched: an error within the transaction would cost a new start. */
function refuseTimes({ hot, rawFloor, archive }: Parts, points: readonly NewPoint[], lateBeforeMs: number): void {
  const floorMs = Math.max(hot.archive.writeFloorMs, rawFloor.ms);
  const retainedFromMs = archive?.retainedFromMs('raw') ?? -Infinity;
  const keysFromMs = new Map<string, number>();
  for (const { key, timestampMs } of points) {
    if (timestampMs >= Math.max(floorMs, retainedFromMs)) continue;
    const refuse = (beforeMs: number, what: string): VarveError =>
      badData(`the value of ${JSON.stringify(key)} at ${isoText(timestampMs)} is older than ${isoText(beforeMs)}, before which ${what} (a time in seconds has to be multiplied by 1000)`);
    if (timestampMs < retainedFromMs) throw refuse(retainedFromMs, 'nothing is kept: the cold retention');
    if (archive === undefined || timestampMs >= lateBeforeMs || timestampMs < rawFloor.ms) throw refuse(timestampMs < rawFloor.ms ? rawFloor.ms : floorMs, 'everything was pruned');
    const keyFromMs = keysFromMs.get(key) ?? archive.keys.of(key)?.floorMs ?? -Infinity;
    keysFromMs.set(key, keyFromMs);
    if (timestampMs < keyFromMs) throw refuse(keyFromMs, 'a compaction has removed the values of this key');
  }
}

function refuseTooMany({ hot, archive }: Parts, timely: readonly NewPoint[], late: readonly NewPoint[]): void {
  const { storeLateSamplesMax, storeLateKeysMax, lateRowsMax, activeSeriesMax, storeRetryMs } = LIMITS;
  const lateKeys = [...new Set(late.map(({ key }) => key))];
  if (late.length > storeLateSamplesMax || lateKeys.length > storeLateKeysMax) {
    throw new VarveError('limit', `${late.length} values of ${lateKeys.length} keys at once that are older than what has moved into the archive, the limits storeLateSamplesMax and storeLateKeysMax are ${storeLateSamplesMax} and ${storeLateKeysMax}: write fewer at a time`);
  }
  if (late.length > 0 && !archive!.late.hasRoomFor(late.length, lateKeys.map(keyLabels))) {
    const message = `${archive!.late.sampleCount} values that are older than what has moved into the archive wait for it, and with ${late.length} more they are over one of the limits storeLateSamplesMax (${storeLateSamplesMax}), storeLateKeysMax (${storeLateKeysMax}) and lateRowsMax (${lateRowsMax}, of writes and roll-ups): let \`maintain\` move some, and write these again`;
    throw new VarveError('overloaded', message, { retryAfterSeconds: storeRetryMs / 1000 });
  }
  const newKeys = [...new Set(timely.map((point) => point.key))].filter((key) => hot.refOf(keyLabels(key)) === undefined);
  if (newKeys.length === 0) return;
  const series = hot.stats().gauges['series'] ?? 0;
  if (series + newKeys.length > activeSeriesMax) {
    throw new VarveError('limit', `${newKeys.length} new keys beside ${series} series, the limit activeSeriesMax is ${activeSeriesMax}`);
  }
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
