import type { Labels } from '../model/labels.ts';
import type { ObjectStore } from '../object-store.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { mergeParts } from '../shard/piece.ts';
import type { RunSource } from '../shard/sample-run.ts';
import { SamplesFileReader } from './samples-file-reader.ts';
import { SamplesFileWriter } from './samples-file-writer.ts';
import { POINTS_SCHEMA } from './samples-schema.ts';
import type { SeriesEntry } from './series-directory.ts';
import type { SeriesFileRef } from './series-file-reader.ts';
import type { SeriesFile } from './series-file-writer.ts';

/** A file of series that is read to be written again. */
export interface MergeReader<Rows> {
  readonly rowCount: number;
  series(): Iterable<SeriesEntry>;
  /** All that the file has of some series, in the order given. */
  read(entries: readonly SeriesEntry[]): Promise<Rows[]>;
}

export interface MergeWriter<Rows> {
  readonly rowCount: number;
  /** How many more rows go in; 0 when it is time to finish. */
  readonly room: number;
  add(labels: Labels, id: Uint8Array, rows: Rows, from: number, to: number): void;
  finish(): SeriesFile;
}

/** How the files of a table are read and written when they are merged. */
export interface MergeCodec<Rows> {
  open(store: ObjectStore, ref: SeriesFileRef): Promise<MergeReader<Rows>>;
  writer(limits: typeof LIMITS, keyValues: Readonly<Record<string, string>>): MergeWriter<Rows>;
  /** One series' rows out of several files, by rising rank, as one, timestamps rising: of equal timestamps the last. At least one part. */
  join(parts: readonly Rows[]): Rows;
  /** Of each row, Unix milliseconds; as many are valid as `lengthOf` says. */
  lengthOf(rows: Rows): number;
}

export const SAMPLES_MERGE_CODEC: MergeCodec<RunSource & { readonly length?: number }> = {
  open: (store, ref) => SamplesFileReader.open(store, ref),
  writer: (limits, keyValues) => new SamplesFileWriter(limits, keyValues),
  join(parts) {
    if (parts.length === 1) return parts[0]!;
    const merged = mergeParts(parts.map((part) => ({ ...part, from: 0, to: part.timestampsMs.length, hasStale: true })));
    return { ...merged, length: merged.to };
  },
  lengthOf: ({ length, timestampsMs }) => length ?? timestampsMs.length,
};

/** The same for the values of a TimeSeriesStore. */
export const POINTS_MERGE_CODEC: typeof SAMPLES_MERGE_CODEC = {
  ...SAMPLES_MERGE_CODEC,
  writer: (limits, keyValues) => new SamplesFileWriter(limits, keyValues, POINTS_SCHEMA),
};
