import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import type { SeriesEntry } from '../files/series-directory.ts';
import { inTurns } from '../in-turns.ts';
import type { MergeReader } from './merge-codec.ts';
import type { MergedSeries, SeriesPlace } from './merge-series.ts';

/** What a series is in memory beside its rows, with its labels, and each of its places. */
const SERIES_BYTES = 1024;
const PLACE_BYTES = 160;

export type BatchLimits = Pick<typeof LIMITS, 'archiveMergeRowsTarget' | 'archiveMergeBytesTarget'>;

/** A series with its rows. */
export interface ReadSeries<Rows> {
  readonly series: MergedSeries<Rows>;
  /** Of each of its places; `undefined` where these are more than may be held at a time. */
  readonly rows: readonly Rows[] | undefined;
}

/**
 * Reads the rows of series, of many neighbours at a time, as they share pages, and no more than the limits allow: what one batch has is
 * the caller's to forget before it asks for more. A series that has more by itself comes without its rows: `canBePieces` says that the caller
 * reads it piece by piece; otherwise it is a batch of its own.
 */
export async function* readInBatches<Rows>(all: AsyncIterable<MergedSeries<Rows>>, limits: BatchLimits, canBePieces: boolean): AsyncGenerator<ReadSeries<Rows>> {
  let batch: MergedSeries<Rows>[] = [];
  let [rowCount, bytes] = [0, 0];
  for await (const series of all) {
    const own = bytesOf(series);
    if (batch.length > 0 && isMore(rowCount + series.rowCount, bytes + own, limits)) {
      yield* await readBatch(batch);
      batch = [];
      [rowCount, bytes] = [0, 0];
    }
    if (canBePieces && isMore(series.rowCount, own, limits)) {
      yield { series, rows: undefined };
      continue;
    }
    batch.push(series);
    rowCount += series.rowCount;
    bytes += own;
  }
  if (batch.length > 0) yield* await readBatch(batch);
}

function isMore(rowCount: number, bytes: number, { archiveMergeRowsTarget, archiveMergeBytesTarget }: BatchLimits): boolean {
  return rowCount > archiveMergeRowsTarget || bytes > archiveMergeBytesTarget;
}

function bytesOf<Rows>({ places }: MergedSeries<Rows>): number {
  return places.reduce((sum, { reader, entry }) => sum + PLACE_BYTES + reader.bytesOf(entry), SERIES_BYTES);
}

async function readBatch<Rows>(batch: readonly MergedSeries<Rows>[]): Promise<ReadSeries<Rows>[]> {
  const rows = await readPlaces(batch.flatMap(({ places }) => places));
  let at = 0;
  return batch.map((series) => ({ series, rows: rows.slice(at, (at += series.places.length)) }));
}

/** Some of the series of one file at a time, by the same limits. */
export function* entriesInBatches(reader: Pick<MergeReader<unknown>, 'bytesOf'>, entries: Iterable<SeriesEntry>, limits: BatchLimits): Generator<readonly SeriesEntry[]> {
  let batch: SeriesEntry[] = [];
  let [rowCount, bytes] = [0, 0];
  for (const entry of entries) {
    const own = SERIES_BYTES + reader.bytesOf(entry);
    if (batch.length > 0 && isMore(rowCount + entry.rowCount, bytes + own, limits)) {
      yield batch;
      batch = [];
      [rowCount, bytes] = [0, 0];
    }
    batch.push(entry);
    rowCount += entry.rowCount;
    bytes += own;
  }
  if (batch.length > 0) yield batch;
}

/** The rows of places, in their order: each file is asked once. */
export async function readPlaces<Rows>(places: readonly SeriesPlace<Rows>[]): Promise<Rows[]> {
  const rows = new Array<Rows>(places.length);
  const byReader = Map.groupBy(places.keys(), (i) => places[i]!.reader);
  await inTurns([...byReader], async ([reader, at]) => {
    const read = await port(() => reader.read(at.map((i) => places[i]!.entry)));
    at.forEach((i, own) => (rows[i] = read[own]!));
  });
  return rows;
}
