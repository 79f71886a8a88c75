import { crc32 } from 'node:zlib';
import { sampleColumnName } from '../../../storage/chunk/index.ts';
import { SegmentReader, type Frame } from '../../../storage/shard/segment/segment-reader.ts';
import { CRC_END, HEADER_BYTES, SEGMENT_VERSION, SEGMENT_VERSION_BEFORE } from '../../../storage/shard/segment/segment.ts';
import type { InspectOptions } from './options.ts';
import { count, counted, table, timeText } from './text.ts';

/** Whether these are a segment row's bytes: by its version, and by the checksum of what follows, which nothing else will have. */
export function isSegment(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES || (bytes[0] !== SEGMENT_VERSION && bytes[0] !== SEGMENT_VERSION_BEFORE)) return false;
  return crc32(bytes.subarray(CRC_END)) === new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
}

/** A segment row. `labelsOf` names the series of a ref, where the shard's database is at hand. */
export function* describeSegment(bytes: Uint8Array, name: string, options: InspectOptions, labelsOf: (ref: number) => string = () => ''): Generator<string> {
  const reader = new SegmentReader(bytes.slice().buffer, name);
  const { refs, layout } = reader;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let samples = 0;
  let minTimeMs = Infinity;
  let maxTimeMs = -Infinity;
  const codecs = new Map<string, { series: number; samples: number; bytes: number }>();
  const series: string[][] = [];
  for (const [position, ref] of refs.entries()) {
    const timesMs = reader.timestampsMs(position);
    const column = reader.sampleColumn(position);
    const codec = sampleColumnName(column.bytes[column.position]!);
    const columnBytes = column.end - column.position;
    samples += timesMs.length;
    minTimeMs = Math.min(minTimeMs, timesMs[0]!);
    maxTimeMs = Math.max(maxTimeMs, timesMs.at(-1)!);
    const sum = codecs.get(codec) ?? { series: 0, samples: 0, bytes: 0 };
    codecs.set(codec, { series: sum.series + 1, samples: sum.samples + timesMs.length, bytes: sum.bytes + columnBytes });
    if (position < options.series) series.push([String(ref), count(timesMs.length), timeText(timesMs[0]!), timeText(timesMs.at(-1)!), codec, count(columnBytes), labelsOf(ref)]);
  }
  yield `segment row of ${counted(bytes.length, 'byte')}, version ${bytes[0]}: ${count(samples)} samples of ${count(new Set(refs).size)} series, ${(bytes.length / samples).toFixed(3)} bytes a sample`;
  yield `  ${timeText(minTimeMs)} … ${timeText(maxTimeMs)}`;
  yield `  directory: ${counted(view.getUint32(8, true), 'byte')}, ${count(view.getUint32(12, true))} plain`;
  yield `  ${counted(layout.timeColumns, 'distinct time column')} in ${framesText(layout.timeFrames, 'time frame')}`;
  yield `  ${counted(refs.length, 'sample column')} in ${framesText(layout.valueFrames, 'value frame')}`;
  yield '';
  yield 'codecs of sample columns, before the frame is compressed';
  const rows = [...codecs].sort(([, a], [, b]) => b.bytes - a.bytes);
  yield* table(['codec', 'columns', 'samples', 'bytes', 'bytes a sample'], rows.map(([codec, sum]) => [codec, count(sum.series), count(sum.samples), count(sum.bytes), (sum.bytes / sum.samples).toFixed(3)]), '  ');
  if (options.pages) {
    yield '';
    yield 'frames';
    const frameRows = (kind: string, frames: readonly Frame[]) => frames.map(({ columns, start, end, plainBytes }, i) => [`${kind} ${i}`, count(start), count(end - start), count(plainBytes), count(columns)]);
    yield* table(['frame', 'at byte', 'bytes', 'plain', 'columns'], [...frameRows('times', layout.timeFrames), ...frameRows('values', layout.valueFrames)], '  ');
  }
  yield '';
  yield 'series, in the order of the row';
  yield* table(['ref', 'samples', 'first sample', 'last sample', 'codec', 'bytes', 'labels'], series, '  ');
  if (refs.length > series.length) yield `  … ${count(refs.length - series.length)} more (--series N shows so many)`;
}

function framesText(frames: readonly Frame[], noun: string): string {
  const sum = (of: (frame: Frame) => number): number => frames.reduce((total, frame) => total + of(frame), 0);
  return `${counted(frames.length, noun)}: ${counted(sum(({ start, end }) => end - start), 'byte')}, ${count(sum(({ plainBytes }) => plainBytes))} plain`;
}
