import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { ByteReader } from '../../proto/varint.ts';
import { decodeSampleColumn, encodeSampleColumn, hasHistograms } from '../../storage/chunk/index.ts';
import {
  ColumnWriter,
  decodeHistogram,
  decodeLabels,
  decodeTimestamps,
  decodeValues,
  encodeHistogram,
  encodeLabels,
  encodeTimestamps,
  encodeValues,
} from '../../storage/chunk/index.ts';
import { encodeSketch, mergeEncodedSketch } from '../../storage/chunk/quantile-sketch-codec.ts';
import { compress, decompress } from '../../storage/chunk/zstd.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { QuantileSketch } from '../../storage/model/quantile-sketch.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../../storage/model/sample.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { decodeAppendMessage, encodeAppendMessage } from '../../storage/shard/append/append-message.ts';
import { decodeExemplars, encodeExemplar } from '../../storage/shard/append/batch-exemplars.ts';
import { BY_ID, decodeRefMessage, encodeRefMessage, isRefMessage } from '../../storage/shard/append/ref-message.ts';
import { Exemplars, type StoredExemplar } from '../../storage/shard/exemplars.ts';
import { decodeSeriesBlock, encodeSeriesBlock, type SeriesDefinition } from '../../storage/shard/index/series-block.ts';
import { SeriesIndex } from '../../storage/shard/index/series-index.ts';
import { decodeLateBatch, LateBatchWriter, type LateSeries } from '../../storage/shard/late/late-batch.ts';
import { decodeWalRow, encodeWalRow } from '../../storage/shard/log/wal.ts';
import { decodeRefRuns, encodeRefRuns, refRunsOf } from '../../storage/shard/run/ref-runs.ts';
import { decodeSegmentList, encodeSegmentList } from '../../storage/shard/segment/segment-list.ts';
import { SegmentReader } from '../../storage/shard/segment/segment-reader.ts';
import { SegmentWriter } from '../../storage/shard/segment/segment.ts';
import { readSelectPage, SelectPageWriter } from '../../storage/shard/select/select-page.ts';
import { SeriesPage, writeSeriesPage } from '../../storage/shard/select/series-page.ts';
import { migrate } from '../../storage/shard/shard-schema.ts';
import { anyHistogram, anyLabels, anyTimestampMs, risingTimes, valueBits } from '../contract/arbitraries.ts';
import { describeByteCodec } from '../contract/byte-codec.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/*
 * The contract of every codec that stores or sends: a new one gets its entry here. What is peculiar to one has tests of its own beside it.
 */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer;
const word = fc.integer({ min: 0, max: 0xffffffff });

/** Puts the right CRC-32 of everything from `from` on at `at`. */
const resealed = (at: number, from: number) => (bytes: Uint8Array): void => {
  if (bytes.length >= from) new DataView(bytes.buffer).setUint32(at, crc32(bytes.subarray(from)), true);
};

function columnBytes(write: (out: ColumnWriter) => void): Uint8Array {
  const out = new ColumnWriter(1);
  write(out);
  return out.written().slice();
}

/** A decoder of a column stops where the column ends; whoever calls it notices what is left over. */
function wholeOf<T>(bytes: Uint8Array, decode: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  const value = decode(reader);
  if (!reader.done) throw new Error(`${reader.end - reader.position} bytes too many`);
  return value;
}

describeByteCodec<Float64Array>('timestamps', {
  arbitrary: risingTimes(),
  encode: (times) => columnBytes((out) => encodeTimestamps(times, 0, times.length, out)),
  decode: (bytes, like) => wholeOf(bytes, (reader) => decodeTimestamps(reader, like.length)),
  plain: (times) => times,
  isChecked: false,
});

describeByteCodec<Uint32Array>('values', {
  arbitrary: valueBits(),
  encode: (bits) => columnBytes((out) => encodeValues(new Float64Array(bits.buffer, bits.byteOffset, bits.length / 2), bits, 0, bits.length / 2, out)),
  decode: (bytes, like) => wholeOf(bytes, (reader) => decodeValues(reader, like.length / 2)),
  plain: (bits) => bits,
  isChecked: false,
});

interface Samples {
  readonly bits: Uint32Array;
  readonly payloads: readonly Uint8Array[];
  readonly startsMs: Float64Array | undefined;
}

/** Floats, among them histograms, with and without start timestamps. */
function samplesOf(count: fc.Arbitrary<number>): fc.Arbitrary<Samples> {
  return count.chain((length) =>
    fc
      .tuple(
        valueBits({ minLength: length, maxLength: length }),
        fc.array(fc.tuple(fc.nat(length - 1), anyHistogram, fc.boolean()), { maxLength: 3 }),
        fc.option(fc.array(fc.oneof(fc.constant(0), anyTimestampMs), { minLength: length, maxLength: length }), { nil: undefined }),
      )
      .map(([drawn, histograms, starts]) => {
        const bits = drawn.map((value, i) => (i % 2 === 1 ? plainBitsHigh(value) : value));
        const payloads: Uint8Array[] = [];
        for (const [at, histogram, isInteger] of [...histograms].sort(([a], [b]) => a - b)) {
          if (bits[at * 2 + 1] === HISTOGRAM_BITS_HIGH) continue;
          bits.set([payloads.push(encodeHistogram(histogram, isInteger)) - 1, HISTOGRAM_BITS_HIGH], at * 2);
        }
        // All zeros say the same as none.
        const startsMs = starts === undefined || starts.every((startMs) => startMs === 0) ? undefined : Float64Array.from(starts);
        return { bits, payloads, startsMs };
      }),
  );
}

describeByteCodec<Samples>('sample columns', {
  arbitrary: samplesOf(fc.integer({ min: 1, max: 30 })),
  encode: (samples) => columnBytes((out) => encodeSampleColumn({ ...samples, values: new Float64Array(samples.bits.buffer) }, 0, samples.bits.length / 2, out)),
  decode: (bytes, like) => wholeOf(bytes, (reader) => decodeSampleColumn(reader, like.bits.length / 2)),
  plain: (samples) => samples,
  isChecked: false,
});

describeByteCodec('histograms', {
  arbitrary: anyHistogram,
  encode: (histogram) => encodeHistogram(histogram, false),
  decode: (bytes) => decodeHistogram(bytes),
  plain: (histogram) => histogram,
  isChecked: false,
});

describeByteCodec('labels', {
  arbitrary: anyLabels,
  encode: encodeLabels,
  decode: (bytes) => wholeOf(bytes, decodeLabels),
  plain: (labels) => labels,
  isChecked: false,
});

describeByteCodec<Uint8Array>('zstd blocks', {
  arbitrary: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.integer({ min: 1, max: 100_000 }).map((length) => new Uint8Array(length).map((_, i) => i >> 5))),
  encode: compress,
  decode: (bytes, like) => new Uint8Array(decompress(bytes, like.length, 'test')),
  plain: (bytes) => bytes,
  isChecked: false,
  isOpenEnded: true,
});

describeByteCodec<number[]>('refs of a segment', {
  arbitrary: fc.oneof(fc.uniqueArray(fc.nat(200), { maxLength: 50 }), fc.uniqueArray(fc.integer({ min: 0, max: 0xfffffffe }), { maxLength: 20 })),
  encode: (refs) => encodeRefRuns(refRunsOf(refs)),
  decode: (bytes) => decodeRefRuns(bufferOf(bytes), 'test'),
  plain: (refs) => refRunsOf(refs),
  isChecked: true,
  reseal: resealed(1, 5),
});

describeByteCodec<number[]>('list of segments', {
  arbitrary: fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { maxLength: 50 }),
  encode: encodeSegmentList,
  decode: (bytes) => decodeSegmentList(bufferOf(bytes), 'test'),
  plain: (segments) => segments,
  isChecked: true,
  reseal: resealed(1, 5),
});

interface Definitions {
  readonly definitions: readonly SeriesDefinition[];
  readonly gaps: readonly number[];
}

const refsOf = ({ gaps }: Definitions): number[] => gaps.map((_, i) => gaps.slice(1, i + 1).reduce((sum, gap) => sum + gap, 0));

describeByteCodec<Definitions>('series block', {
  arbitrary: fc
    .array(fc.tuple(fc.record({ low: word, high: word, check: word, labels: anyLabels }), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1000 }))), { minLength: 1, maxLength: 8 })
    .map((series) => ({ definitions: series.map(([definition]) => definition), gaps: series.map(([, gap]) => gap) })),
  encode: (block) => encodeSeriesBlock(block.definitions, refsOf(block)),
  decode: (bytes) => {
    const found: unknown[] = [];
    decodeSeriesBlock(bufferOf(bytes), 'test', (definition, ref) => found.push([ref, definition]));
    return found;
  },
  plain: (block) => block.definitions.map((definition, i) => [refsOf(block)[i], definition]),
  // Its version and reserved bytes are checked, and the number of series by what follows.
  isChecked: true,
  reseal: resealed(8, 12),
});

interface Rows extends Samples {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
}

const anyRows: fc.Arbitrary<Rows> = samplesOf(fc.integer({ min: 1, max: 20 })).chain((samples) => {
  const length = samples.bits.length / 2;
  const exactly = { minLength: length, maxLength: length };
  const times = fc.oneof(
    fc.array(anyTimestampMs, exactly),
    anyTimestampMs.map((timeMs) => new Array<number>(length).fill(timeMs)),
    fc.array(fc.integer({ min: 1.7e12, max: 1.7e12 + 1e6 }), exactly),
  );
  return fc.tuple(fc.array(word, exactly), times).map(([refs, timestampsMs]) => ({ ...samples, refs: Uint32Array.from(refs), timestampsMs: Float64Array.from(timestampsMs) }));
});

describeByteCodec<Rows>('WAL row', {
  arbitrary: anyRows,
  encode: ({ bits, ...rows }) => encodeWalRow({ ...rows, sampleCount: bits.length / 2, valueBits: bits }),
  decode: (bytes) => {
    const { refs, timestampsMs, valueBits: bits, payloads = [], startsMs } = decodeWalRow(bufferOf(bytes), 'test');
    return { refs, timestampsMs, bits, payloads, startsMs };
  },
  plain: (rows) => rows,
  // The count, the kind and the version stand before the checksum; what they say is checked against the length.
  isChecked: false,
  reseal: resealed(8, 16),
});

describeByteCodec<Rows>('append message', {
  arbitrary: anyRows,
  encode: ({ refs, timestampsMs, bits, payloads, startsMs }) => {
    const sampleCount = refs.length;
    const sampleEnd = refs.map((_, i) => i + 1);
    const labels = new Map([[0, ['a', 'b']]]);
    return new Uint8Array(encodeAppendMessage({ seriesCount: sampleCount, sampleCount, idLow: refs, idHigh: refs, idCheck: refs, sampleEnd, timestampsMs, valueBits: bits, payloads, startsMs }, labels));
  },
  decode: (bytes) => {
    const { idLow: refs, timestampsMs, valueBits: bits, payloads, startsMs } = decodeAppendMessage(bufferOf(bytes));
    return { refs: refs.slice(), timestampsMs: timestampsMs.slice(), bits: bits.slice(), payloads, startsMs: startsMs?.slice() };
  },
  plain: (rows) => rows,
  isChecked: false,
});

describeByteCodec('exemplars of a batch', {
  arbitrary: fc.array(fc.record({ series: fc.nat(9), timestampMs: anyTimestampMs, bitsLow: word, bitsHigh: word, labels: anyLabels }), { minLength: 1, maxLength: 5 }),
  encode: (exemplars) => columnBytes((out) => exemplars.forEach((exemplar) => encodeExemplar(exemplar, out))),
  decode: (bytes, like) => {
    const exemplars = decodeExemplars(new ByteReader(bytes), 10);
    if (exemplars.length !== like.length) throw new Error(`${exemplars.length} exemplars`);
    return exemplars;
  },
  plain: (exemplars) => exemplars,
  isChecked: false,
});

interface Column extends Samples {
  readonly ref: number;
  readonly timestampsMs: Float64Array;
}

const anyColumns: fc.Arbitrary<Column[]> = fc.array(
  risingTimes({ maxLength: 20 }).chain((timestampsMs) => samplesOf(fc.constant(timestampsMs.length)).map((samples) => ({ ...samples, timestampsMs, ref: 0 }))),
  { minLength: 1, maxLength: 6 },
).map((columns) => columns.map((column, ref) => ({ ...column, ref })));

describeByteCodec<Column[]>('segment row', {
  arbitrary: anyColumns,
  encode: (columns) => {
    const writer = new SegmentWriter(100);
    for (const column of columns) writer.add(column.ref, { ...column, values: new Float64Array(column.bits.buffer) }, 0, column.timestampsMs.length);
    return writer.finish().bytes;
  },
  decode: (bytes) => {
    const reader = new SegmentReader(bufferOf(bytes), 'test');
    return Array.from(reader.refs, (ref, i) => ({ ref, timestampsMs: reader.timestampsMs(i), ...reader.samples(i) }));
  },
  plain: (columns) => columns,
  isChecked: true,
  reseal: resealed(4, 8),
});

describeByteCodec<Column[]>('select page', {
  arbitrary: anyColumns,
  encode: (columns) => {
    const index = new SeriesIndex();
    for (const { ref } of columns) index.add(['name', `series ${ref}`], ref);
    const writer = new SelectPageWriter(index);
    for (const column of columns) writer.add(column.ref, [{ ...column, from: 0, to: column.timestampsMs.length, hasStale: true }]);
    const page = writer.finish();
    const [, , columnWords, directoryBytes, symbolBytes] = new Uint32Array(page, 0, 5) as unknown as number[];
    return new Uint8Array(page, 0, 24 + columnWords! * 8 + directoryBytes! + symbolBytes!);
  },
  decode: (bytes) =>
    Array.from(readSelectPage(bufferOf(bytes)), ({ labels, timestampsMs, values, histograms, startTimestampsMs }, ref) => ({
      ref,
      labels,
      timestampsMs: timestampsMs.slice(),
      bits: histograms === undefined ? new Uint32Array(values.slice().buffer) : undefined,
      histograms,
      startsMs: startTimestampsMs?.slice(),
    })),
  plain: (columns) =>
    columns.map(({ ref, timestampsMs, bits, payloads, startsMs }) => {
      const isMixed = hasHistograms(bits, 0, timestampsMs.length);
      const histogramAt = (i: number): unknown => (bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH ? decodeHistogram(payloads[bits[i * 2]!]!) : undefined);
      return {
        ref,
        labels: ['name', `series ${ref}`],
        timestampsMs,
        bits: isMixed ? undefined : bits,
        histograms: isMixed ? Array.from(timestampsMs, (_, i) => histogramAt(i)) : undefined,
        startsMs,
      };
    }),
  isChecked: false,
  isOpenEnded: true,
});

/** Runs of series, named by ref from `first` on or, where that is undefined, by id. */
interface Named {
  readonly runs: readonly { readonly first: number | undefined; readonly timesMs: readonly number[] }[];
  readonly words: Uint32Array;
}

const timesOf = ({ runs }: Named): number[] => runs.flatMap(({ timesMs }) => timesMs);
const byIdOf = ({ runs }: Named): number[] => runs.flatMap(({ first, timesMs }, run) => (first === undefined ? timesMs.map((_, i) => run * 10 + i) : timesMs.map(() => -1)));

describeByteCodec<Named>('ref message', {
  arbitrary: fc
    .array(fc.record({ first: fc.option(fc.nat(1e6), { nil: undefined }), timesMs: fc.array(fc.oneof(anyTimestampMs, fc.constant(1.7e12)), { minLength: 1, maxLength: 5 }) }), { maxLength: 5 })
    .chain((runs) => fc.tuple(fc.constant(runs), fc.uint32Array({ minLength: 60, maxLength: 60 })).map(([named, words]) => ({ runs: named, words }))),
  encode: (named) => {
    const times = timesOf(named);
    const ids = Uint32Array.from(byIdOf(named));
    const runs = Uint32Array.from(named.runs.flatMap(({ first, timesMs }) => [first ?? BY_ID, timesMs.length]));
    const batch = { sampleCount: times.length, idLow: ids, idHigh: ids, idCheck: ids, timestampsMs: Float64Array.from(times), valueBits: named.words };
    return new Uint8Array(encodeRefMessage({ space: Uint32Array.of(1, 2, 3), runs, mix: 7 }, batch));
  },
  decode: (bytes) => {
    if (!isRefMessage(bufferOf(bytes))) throw new Error('no ref message');
    const { space, mix, runs, idLow, idHigh, idCheck, timestampsMs, valueBits: bits } = decodeRefMessage(bufferOf(bytes));
    return [space, mix, runs, idLow, idHigh, idCheck, timestampsMs, bits].map((part) => (typeof part === 'number' ? part : [...part]));
  },
  plain: (named) => {
    const ids = byIdOf(named).filter((id) => id >= 0);
    const times = timesOf(named);
    return [[1, 2, 3], 7, named.runs.flatMap(({ first, timesMs }) => [first ?? BY_ID, timesMs.length]), ids, ids, ids, times, [...named.words.subarray(0, times.length * 2)]];
  },
  isChecked: false,
});

const anyLateSeries: fc.Arbitrary<LateSeries> = valueBits({ maxLength: 20 }).chain((bits) => {
  const exactly = { minLength: bits.length / 2, maxLength: bits.length / 2 };
  return fc.tuple(anyLabels, fc.array(anyTimestampMs, exactly), fc.array(fc.oneof(fc.constant(0), fc.nat(1e9)), exactly)).map(([labels, times, ages]) => ({
    labels,
    timestampsMs: Float64Array.from(times),
    valueBits: bits,
    startsMs: Float64Array.from(times, (timeMs, i) => (ages[i] === 0 ? 0 : Math.max(timeMs - ages[i]!, -(2 ** 50) + 1))),
  }));
});

describeByteCodec<LateSeries[]>('late batch', {
  arbitrary: fc.array(anyLateSeries, { minLength: 1, maxLength: 4 }),
  encode: (all) => {
    const writer = new LateBatchWriter();
    for (const series of all) writer.add(series);
    return new Uint8Array(writer.finish());
  },
  decode: (bytes) => {
    const found: LateSeries[] = [];
    decodeLateBatch(bufferOf(bytes), (series) => found.push(series));
    return found;
  },
  plain: (all) => all,
  isChecked: true,
  reseal: resealed(4, 8),
});

const sketchOf = (values: readonly number[]): QuantileSketch => {
  const sketch = new QuantileSketch();
  for (const value of values) sketch.add(value);
  return sketch;
};

describeByteCodec<number[]>('quantile sketch', {
  arbitrary: fc.array(fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE), fc.integer({ min: 1, max: 10 })), { maxLength: 40 }),
  encode: (values) => encodeSketch(sketchOf(values)),
  decode: (bytes) => {
    const sketch = new QuantileSketch();
    mergeEncodedSketch(bytes, sketch);
    return sketch;
  },
  plain: sketchOf,
  isChecked: false,
});

describeByteCodec<Labels[]>('page of label sets', {
  arbitrary: fc.array(anyLabels, { maxLength: 8 }),
  encode: (all) => {
    const index = new SeriesIndex();
    for (const labels of all) index.add(labels);
    return new Uint8Array(writeSeriesPage(index, all.map((_, ref) => ref), 0, 1e6).page);
  },
  decode: (bytes) => {
    const page = new SeriesPage(bufferOf(bytes));
    const symbols = page.symbols();
    return Array.from(page.ends, (end, i) => Array.from(page.numbers.subarray(page.ends[i - 1] ?? 0, end), (number) => symbols[number]));
  },
  plain: (all) => all,
  isChecked: false,
});

const exemplarSql = new NodeSql();
migrate(exemplarSql);
const exemplarRow = (bytes: Uint8Array): void => exemplarSql.run('INSERT OR REPLACE INTO exemplar_row (slot, sequence, exemplars) VALUES (0, 1, ?)', bytes);

describeByteCodec<StoredExemplar[]>('exemplar row', {
  arbitrary: fc.uniqueArray(fc.record({ idLow: word, idHigh: word, idCheck: word, timestampMs: anyTimestampMs, bitsLow: word, bitsHigh: word, labels: anyLabels }), { selector: ({ idLow }) => idLow, minLength: 1, maxLength: 5 }),
  encode: (all) => {
    exemplarSql.run('DELETE FROM exemplar_row');
    const exemplars = new Exemplars(exemplarSql, LIMITS);
    exemplars.stage(all);
    exemplars.write();
    return new Uint8Array(exemplarSql.all<{ exemplars: ArrayBuffer }>('SELECT exemplars FROM exemplar_row')[0]!.exemplars);
  },
  decode: (bytes) => {
    exemplarRow(bytes);
    return [...new Exemplars(exemplarSql, LIMITS).stored()];
  },
  plain: (all) => all,
  // The count stands before the checksum; it is checked against what follows.
  isChecked: true,
  reseal: resealed(8, 12),
});
