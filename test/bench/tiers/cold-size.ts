import { SamplesFileWriter } from '../../../storage/archive/files/samples-file-writer.ts';
import { SAMPLES_SCHEMA } from '../../../storage/archive/files/samples-schema.ts';
import type { SeriesFile } from '../../../storage/archive/files/series-file-writer.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { compareSeries } from '../../../storage/shard/select/read-window.ts';
import { labelsOf, sampleCountOf, type CapturedSeries } from '../size/capture.ts';

/** Bytes of the archive's files of some series, whole and by column. */
export interface ColdSize {
  readonly sampleCount: number;
  readonly fileCount: number;
  readonly bytes: number;
  /** By path of the column; `tail` is what stands behind the rows. */
  readonly columns: ReadonlyMap<string, number>;
  readonly cpuSeconds: number;
}

/** Weighs what a flush of one window would write of them: plain Parquet, a row a sample, labels included. */
export function coldSize(series: readonly CapturedSeries[]): ColdSize {
  const hasher = new SeriesHasher(new Uint8Array(16));
  const sorted = series.map((one) => ({ ...one, labels: labelsOf(one) })).sort((a, b) => compareSeries(a.labels, b.labels));
  const before = process.cpuUsage();
  const files: SeriesFile[] = [];
  let writer = new SamplesFileWriter(LIMITS);
  for (const { labels, timestampsMs, values } of sorted) {
    const source = { timestampsMs, bits: new Uint32Array(values.slice().buffer), payloads: [], startsMs: undefined };
    hasher.hashLabels(labels);
    const id = new Uint8Array(Uint32Array.from(hasher.words.subarray(0, 3)).buffer);
    for (let from = 0; from < timestampsMs.length; ) {
      if (writer.room === 0) {
        files.push(writer.finish());
        writer = new SamplesFileWriter(LIMITS);
      }
      const to = Math.min(timestampsMs.length, from + writer.room);
      writer.add(labels, id, source, from, to);
      from = to;
    }
  }
  files.push(writer.finish());
  const { user, system } = process.cpuUsage(before);
  const columns = new Map(SAMPLES_SCHEMA.leaves.map(({ path }, column) => [path.join('.'), files.reduce((sum, file) => sum + file.columns[column]!.bytes, 0)]));
  columns.set('tail', files.reduce((sum, { tailBytes }) => sum + tailBytes, 0));
  return { sampleCount: sampleCountOf(series), fileCount: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0), columns, cpuSeconds: (user + system) / 1e6 };
}
