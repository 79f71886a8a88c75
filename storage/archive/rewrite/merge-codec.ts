import type { Labels } from '../../model/labels.ts';
import type { ObjectStore } from '../../object-store.ts';
import { must } from '../../runtime/assert.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import { mergeParts } from '../../shard/run/piece.ts';
import type { RunSource } from '../../shard/run/sample-run.ts';
import { SamplesFileReader } from '../files/samples-file-reader.ts';
import { SamplesFileWriter } from '../files/samples-file-writer.ts';
import { POINTS_SCHEMA } from '../files/samples-schema.ts';
import type { SeriesEntry } from '../files/series-directory.ts';
import type { SeriesFileRef } from '../files/series-file-reader.ts';
import type { SeriesFile } from '../files/series-file-writer.ts';
import type { SeriesPlace } from './merge-series.ts';
import type { BatchLimits } from './series-batches.ts';
import { readPieces } from './series-pieces.ts';

/** A file of series that is read to be written again. */
export interface MergeReader<Rows> {
  readonly rowCount: number;
  series(): Iterable<SeriesEntry>;
  /** About how much memory the rows of a series take. */
  bytesOf(entry: SeriesEntry): number;
  /** All that the file has of some series, in the order given. */
  read(entries: readonly SeriesEntry[]): Promise<Rows[]>;
  /** Rows `from` to before `to` of those that the file has of a series; where it is missing, all are read at once. */
  readPart?(entry: SeriesEntry, from: number, to: number): Promise<Rows>;
}

export interface MergeWriter<Rows> {
  readonly rowCount: number;
  /** How many more rows go in; 0 when it is time to finish. */
  readonly room: number;
  /** More rows of the same series may follow, with the same `labels`, where it comes in pieces. */
  add(labels: Labels, id: Uint8Array, rows: Rows, from: number, to: number): void;
  finish(): SeriesFile;
}

/** How the files of a table are read and written when they are merged. */
export interface MergeCodec<Rows> {
  open(store: ObjectStore, ref: SeriesFileRef): Promise<MergeReader<Rows>>;
  writer(limits: typeof LIMITS, keyValues: Readonly<Record<string, string>>): MergeWriter<Rows>;
  /** One series' rows out of several files, by rising rank, as one, timestamps rising: of equal timestamps the last. At least one part. */
  join(parts: readonly Rows[]): Rows;
  /** The same of a series that has more rows than are held at a time, in pieces, rows rising from one to the next; where it is missing, series have not as many. */
  pieces?(places: readonly SeriesPlace<Rows>[], limits: BatchLimits): AsyncIterable<Rows>;
  /** How many rows there are. */
  lengthOf(rows: Rows): number;
}

type Samples = RunSource & { readonly length?: number };

export const SAMPLES_MERGE_CODEC: MergeCodec<Samples> = {
  open: (store, ref) => SamplesFileReader.open(store, ref),
  writer: (limits, keyValues) => new SamplesFileWriter(limits, keyValues),
  join(parts) {
    if (parts.length === 1) return parts[0]!;
    const merged = mergeParts(parts.map((part) => ({ ...part, from: 0, to: part.timestampsMs.length, hasStale: true })));
    return { ...merged, length: merged.to };
  },
  pieces: (places, limits) => readPieces(places, limits, ({ reader, entry }, from, to) => port(() => must(reader.readPart, 'parts').call(reader, entry, from, to))),
  lengthOf: ({ length, timestampsMs }) => length ?? timestampsMs.length,
};

/** The same for the values of a TimeSeriesStore. */
export const POINTS_MERGE_CODEC: typeof SAMPLES_MERGE_CODEC = {
  ...SAMPLES_MERGE_CODEC,
  writer: (limits, keyValues) => new SamplesFileWriter(limits, keyValues, POINTS_SCHEMA),
};
