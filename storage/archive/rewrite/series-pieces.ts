import { areInOrder, lowerBound, mergeParts, type Part } from '../../shard/run/piece.ts';
import type { RunSource } from '../../shard/run/sample-run.ts';
import type { SeriesPlace } from './merge-series.ts';
import type { BatchLimits } from './series-batches.ts';

/** Reads rows `from` to before `to` of those that a place has. */
export type ReadPart<Rows> = (place: SeriesPlace<Rows>, from: number, to: number) => Promise<RunSource>;

/** A place that is being read: some of its rows are here, and others behind them are not. */
interface OpenPlace<Rows> {
  readonly place: SeriesPlace<Rows>;
  /** Of equal timestamps that of the place with the greatest one counts. */
  readonly rank: number;
  samples: RunSource;
  /** Of `samples`: those before are handed out. */
  from: number;
  /** Rows of the place up to the last of `samples`. */
  rowsRead: number;
}

/**
 * The samples of one series that several files have, by rising rank, as one, in pieces that follow each other in time: for series that have
 * too many to be held at once. What is held of all places together is what the limits allow, and as much again as the piece.
 */
export async function* readPieces<Rows>(places: readonly SeriesPlace<Rows>[], limits: BatchLimits, read: ReadPart<Rows>): AsyncGenerator<RunSource> {
  const waiting = places.map((place, rank) => ({ place, rank })).sort((a, b) => a.place.entry.minTimeMs - b.place.entry.minTimeMs || a.rank - b.rank);
  const readSome = async (place: SeriesPlace<Rows>, from: number): Promise<{ samples: RunSource; from: number; rowsRead: number }> => {
    const to = Math.min(place.entry.rowCount, from + rowsAtOnce(place, places.length, limits));
    return { samples: await read(place, from, to), from: 0, rowsRead: to };
  };
  let open: OpenPlace<Rows>[] = [];
  while (open.length + waiting.length > 0) {
    for (const each of open) if (each.from === each.samples.timestampsMs.length) Object.assign(each, await readSome(each.place, each.rowsRead));
    while (waiting.length > 0 && (open.length === 0 || waiting[0]!.place.entry.minTimeMs <= knownUntilMs(open))) {
      const next = waiting.shift()!;
      open.push({ ...next, ...(await readSome(next.place, 0)) });
    }
    const untilMs = knownUntilMs(open);
    const parts: Part[] = [];
    for (const each of open.sort((a, b) => a.rank - b.rank)) {
      const to = lowerBound(each.samples.timestampsMs, untilMs + 1);
      if (to > each.from) parts.push({ ...each.samples, from: each.from, to, hasStale: true });
      each.from = to;
    }
    open = open.filter(({ samples, from, rowsRead, place }) => from < samples.timestampsMs.length || rowsRead < place.entry.rowCount);
    yield* joined(parts);
  }
}

/** Up to this time (inclusive) the rows that are here are all that the open places have. */
function knownUntilMs<Rows>(open: readonly OpenPlace<Rows>[]): number {
  const cutOff = open.filter(({ rowsRead, place }) => rowsRead < place.entry.rowCount);
  const ends = (cutOff.length > 0 ? cutOff : open).map(({ samples }) => samples.timestampsMs.at(-1)!);
  return cutOff.length > 0 ? Math.min(...ends) : Math.max(...ends);
}

function rowsAtOnce<Rows>({ reader, entry }: SeriesPlace<Rows>, placeCount: number, { archiveMergeRowsTarget, archiveMergeBytesTarget }: BatchLimits): number {
  const byBytes = (archiveMergeBytesTarget * entry.rowCount) / reader.bytesOf(entry);
  return Math.max(1, Math.floor(Math.min(archiveMergeRowsTarget, byBytes) / placeCount));
}

function joined(parts: readonly Part[]): RunSource[] {
  if (parts.length > 1 && areInOrder(parts)) return parts.map(cut);
  return parts.length === 0 ? [] : [cut(parts.length === 1 ? parts[0]! : mergeParts(parts))];
}

function cut({ timestampsMs, bits, payloads, startsMs, from, to }: Part): RunSource {
  return { timestampsMs: timestampsMs.subarray(from, to), bits: bits.subarray(from * 2, to * 2), payloads, startsMs: startsMs?.subarray(from, to) };
}
