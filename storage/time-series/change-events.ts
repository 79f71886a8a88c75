import { badData } from '../runtime/errors.ts';
import type { BatchChange, SeriesChange } from '../shard/feed/change-feed.ts';
import { NUMBERS } from './aggregate.ts';
import { bucketStart } from './bucket-stream.ts';
import { documentId } from './documents.ts';
import { roleOf } from './keys.ts';
import { PARTITION_MS } from './roll-up-key.ts';
import { SKETCH_ENTRIES, SKETCH_SIZE } from './sketch-samples.ts';
import { isoText } from './timestamp.ts';

interface EventBase {
  readonly store: 'timeseries';
  readonly table: string;
  /** Goes on behind this event. */
  readonly cursor: string;
}

/** Values of one key that were written together. */
export interface InsertEvent<T> extends EventBase {
  readonly type: 'cdc.insert';
  readonly op: 'c';
  readonly key: string;
  /** ISO 8601, of the value in `after`: the last one that was written. */
  readonly timestamp: string;
  readonly after: { readonly value: T };
  /** All values, in the order in which they were written, when there were several. */
  readonly points?: readonly { readonly timestamp: string; readonly value: T }[];
}

/** Raw points of one key and one hour that were rolled up. */
export interface RollupEvent extends EventBase {
  readonly type: 'cdc.rollup';
  readonly op: 'r';
  readonly key: string;
  /** Width of the buckets, as text. */
  readonly bucket: string;
  readonly partition: string;
  /** Raw points. */
  readonly count: number;
  /** Of the whole partition; percentiles only where it is one bucket. */
  readonly aggregates: Readonly<Record<string, number>>;
}

/** Events are missing: the cursor was too far behind, or the store went back to a snapshot. Read the state anew, then go on at `cursor`. */
export interface ResyncEvent extends EventBase {
  readonly type: 'cdc.resync';
  readonly op: 's';
}

export type ChangeEvent<T> = InsertEvent<T> | RollupEvent | ResyncEvent;

/** A place in one list of batches: so many events of the batch behind a sequence have been seen. */
export interface FeedPlace {
  readonly sequence: number;
  readonly events: number;
}

/** A place in the feed: among the batches of the log, and among those of values that came when their window had moved. */
export interface FeedPosition {
  readonly log: FeedPlace;
  readonly late: FeedPlace;
}

const BEGINNING: FeedPlace = { sequence: 0, events: 0 };

/**
 * `12`, or `12.3` where three events of the next batch have been seen, with an `s` when they were events of single values; behind an `@` the
 * same of late values, where any were seen.
 */
export function cursorText({ log, late }: FeedPosition, perSample: boolean): string {
  const text = ({ sequence, events }: FeedPlace): string => (events === 0 ? String(sequence) : `${sequence}.${events}${perSample ? 's' : ''}`);
  return late.sequence === 0 && late.events === 0 ? text(log) : `${text(log)}@${text(late)}`;
}

/** A cursor of the other kind of events goes back to the beginning of its batch: nothing is left out. */
export function parseCursor(cursor: string, perSample: boolean): FeedPosition {
  const places = String(cursor)
    .split('@')
    .map((text) => /^(\d{1,15})(?:\.(\d{1,9})(s?))?$/.exec(text))
    .map((parts) => parts && { sequence: Number(parts[1]), events: (parts[3] === 's') === perSample ? Number(parts[2] ?? 0) : 0 });
  const [log, late = BEGINNING] = places;
  if (log === null || log === undefined || late === null || places.length > 2) throw badData(`the cursor ${JSON.stringify(String(cursor).slice(0, 100))} is not one that an event had`);
  return { log, late };
}

interface EventContext<T> {
  readonly table: string;
  /** One event a value. */
  readonly perSample: boolean;
  /** Undefined when the document is gone. */
  readonly readDocument: (timestampMs: number, id: number) => T | undefined;
}

/**
 * The events of one batch of a list, which stands behind a position, those left out that have been seen. Each event's cursor is where the
 * next one begins.
 */
export function* eventsOf<T>(batch: BatchChange, list: keyof FeedPosition, position: FeedPosition, context: EventContext<T>): Generator<ChangeEvent<T>> {
  const last = batch.sequence;
  const drafts = [...draftsOf(batch, context)];
  for (let i = position[list].events; i < drafts.length; i++) {
    const isLast = i + 1 === drafts.length;
    const place = isLast ? { sequence: last, events: 0 } : { sequence: last - 1, events: i + 1 };
    const event = drafts[i]!(cursorText({ ...position, [list]: place }, context.perSample));
    if (event !== undefined) yield event;
  }
}

/** An event in waiting: it is made, and documents are read, when it is its turn. */
type Draft<T> = (cursor: string) => ChangeEvent<T> | undefined;

/** The roll-ups of a key and of one width that were written together. */
interface RollupChange {
  readonly key: string;
  readonly bucket: string;
  readonly byAggregate: Map<string, SeriesChange>;
}

function* draftsOf<T>(batch: BatchChange, context: EventContext<T>): Generator<Draft<T>> {
  const rollups = new Map<string, RollupChange>();
  for (const series of batch.series) {
    const { key, rollup } = roleOf(series.labels);
    if (rollup !== undefined) {
      // What percentiles are made of is not what was asked for.
      if (rollup.aggregate === SKETCH_SIZE || rollup.aggregate === SKETCH_ENTRIES) continue;
      const { bucket } = rollup;
      const group = JSON.stringify([key, bucket]);
      let change = rollups.get(group);
      if (change === undefined) rollups.set(group, (change = { key, bucket, byAggregate: new Map() }));
      change.byAggregate.set(rollup.aggregate, series);
    } else if (context.perSample) {
      for (let i = 0; i < series.timestampsMs.length; i++) yield (cursor) => insertEvent(series, i, i + 1, cursor, context);
    } else yield (cursor) => insertEvent(series, 0, series.timestampsMs.length, cursor, context);
  }
  for (const change of rollups.values()) {
    const partitions = new Set(change.byAggregate.get('count')?.timestampsMs.map((timestampMs) => bucketStart(timestampMs, PARTITION_MS)));
    for (const partitionMs of partitions) yield (cursor) => rollupEvent(change, partitionMs, cursor, context.table);
  }
}

/** Of the values `from` to `to` of a key; `undefined` where nothing is left of them. */
function insertEvent<T>(series: SeriesChange, from: number, to: number, cursor: string, context: EventContext<T>): InsertEvent<T> | undefined {
  const { key } = roleOf(series.labels);
  const values = new Float64Array(series.valueBits.buffer, series.valueBits.byteOffset, series.timestampsMs.length);
  const points: { timestamp: string; value: T }[] = [];
  for (let i = from; i < to; i++) {
    const timestampMs = series.timestampsMs[i]!;
    const id = documentId(series.valueBits[i * 2]!, series.valueBits[i * 2 + 1]!);
    const value = id === undefined ? (values[i]! as T) : context.readDocument(timestampMs, id);
    // A document that retention or a compaction has removed since: nothing is left to tell.
    if (value !== undefined) points.push({ timestamp: isoText(timestampMs), value });
  }
  const last = points.at(-1);
  if (last === undefined) return undefined;
  const { timestamp, value } = last;
  const event = { type: 'cdc.insert', op: 'c', store: 'timeseries', table: context.table, key, timestamp, after: { value }, cursor } as const;
  return points.length === 1 ? event : { ...event, points };
}

function rollupEvent({ key, bucket, byAggregate }: RollupChange, partitionMs: number, cursor: string, table: string): RollupEvent {
  const buckets = new Map<number, Map<string, number>>();
  for (const [name, series] of byAggregate) {
    const values = new Float64Array(series.valueBits.buffer, series.valueBits.byteOffset, series.timestampsMs.length);
    series.timestampsMs.forEach((timestampMs, i) => {
      if (bucketStart(timestampMs, PARTITION_MS) !== partitionMs) return;
      let known = buckets.get(timestampMs);
      if (known === undefined) buckets.set(timestampMs, (known = new Map()));
      known.set(name, values[i]!);
    });
  }
  const all = [...buckets.values()];
  const count = all.reduce((sum, one) => sum + (one.get('count') ?? 0), 0);
  const partition = `dt=${isoText(partitionMs).slice(0, -10)}/hour=${isoText(partitionMs).slice(-9, -7)}`;
  return { type: 'cdc.rollup', op: 'r', store: 'timeseries', table, key, bucket, partition, count, aggregates: together(all), cursor };
}

/** The aggregates of several buckets as those of one, as far as that can be known. */
function together(buckets: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const aggregates: Record<string, number> = {};
  const of = (name: string): number[] => buckets.flatMap((bucket) => bucket.get(name) ?? []);
  const names = new Set(buckets.flatMap((bucket) => [...bucket.keys()]));
  for (const name of names) {
    const values = of(name);
    if (name === 'min') aggregates[name] = values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least));
    else if (name === 'max') aggregates[name] = values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most));
    else if (name === 'sum') aggregates[name] = values.reduce((sum, value) => sum + value);
    else if (name === 'first') aggregates[name] = values[0]!;
    else if (name === 'last') aggregates[name] = values.at(-1)!;
    else if (name === 'avg') aggregates[name] = weightedMean(buckets);
    else if (name !== 'count' && name !== NUMBERS && buckets.length === 1) aggregates[name] = values[0]!;
  }
  return aggregates;
}

function weightedMean(buckets: readonly ReadonlyMap<string, number>[]): number {
  let sum = 0;
  let weight = 0;
  for (const bucket of buckets) {
    const numbers = bucket.get(NUMBERS) ?? bucket.get('count') ?? 0;
    if (numbers === 0 || !bucket.has('avg')) continue;
    sum += bucket.get('avg')! * numbers;
    weight += numbers;
  }
  return sum / weight;
}
