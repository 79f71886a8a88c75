import { expect, test } from 'vitest';
import { labelsFrom } from '../../../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../../../storage/model/sample.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { LogHead } from '../../../../storage/shard/log/log-head.ts';
import { LogOrder } from '../../../../storage/shard/log/log-order.ts';
import { LogSeal } from '../../../../storage/shard/segment/seal.ts';
import { SegmentReader } from '../../../../storage/shard/segment/segment-reader.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

interface Sample {
  readonly timestampMs: number;
  readonly value: number | string;
  readonly startMs: number;
}

/** A log of random series, some of them disordered, some without a sample, and what it holds by ref, in the order of time. */
function randomLog(seed: number, kind: 'floats' | 'starts' | 'histograms'): { readonly head: LogHead; readonly index: SeriesIndex; readonly wanted: Map<number, Sample[]> } {
  const random = new SeededRandom(seed);
  const seriesCount = random.between(1, 60);
  const index = new SeriesIndex();
  for (const ref of random.shuffle(Array.from({ length: seriesCount }, (_, i) => i * 2))) {
    index.add(labelsFrom({ __name__: `m${ref % 3}`, i: String(random.uint32()) + ref }), ref);
  }
  const head = new LogHead(2000);
  head.reserveSeries(index.refLimit);
  const wanted = new Map<number, Map<number, Sample>>();
  for (let batch = 0; batch < random.between(1, 20); batch++) {
    const sampleCount = random.between(1, 90);
    const values = new Float64Array(sampleCount);
    const valueBits = new Uint32Array(values.buffer);
    const payloads: Uint8Array[] = [];
    const refs = new Uint32Array(sampleCount);
    const timestampsMs = new Float64Array(sampleCount);
    const startsMs = new Float64Array(sampleCount);
    for (let i = 0; i < sampleCount; i++) {
      const ref = (refs[i] = random.below(seriesCount) * 2);
      const timestampMs = (timestampsMs[i] = random.oneIn(10) ? random.below(1000) : batch * 1000 + i);
      const startMs = (startsMs[i] = kind === 'starts' ? random.below(3) : 0);
      const value = (values[i] = random.below(100) / 4);
      const isHistogram = kind === 'histograms' && random.oneIn(3);
      if (isHistogram) valueBits.set([payloads.push(Uint8Array.of(batch, i)) - 1, HISTOGRAM_BITS_HIGH], i * 2);
      const ofSeries = wanted.get(ref) ?? new Map<number, Sample>();
      wanted.set(ref, ofSeries.set(timestampMs, { timestampMs, value: isHistogram ? `${batch},${i}` : value, startMs }));
    }
    head.append({ sampleCount, refs, timestampsMs, valueBits, payloads, startsMs: kind === 'starts' ? startsMs : undefined });
  }
  const inOrder = [...wanted].map(([ref, samples]) => [ref, [...samples.values()].sort((a, b) => a.timestampMs - b.timestampMs)] as const);
  return { head, index, wanted: new Map(inOrder) };
}

function readBack(rows: Iterable<{ readonly bytes: Uint8Array }>): { readonly refs: number[]; readonly samples: Map<number, Sample[]> } {
  const refs: number[] = [];
  const samples = new Map<number, Sample[]>();
  for (const { bytes } of rows) {
    const reader = new SegmentReader(bytes.slice().buffer, 'row');
    reader.refs.forEach((ref, position) => {
      const { bits, payloads, startsMs } = reader.samples(position);
      const values = new Float64Array(bits.buffer);
      refs.push(ref);
      samples.set(
        ref,
        Array.from(reader.timestampsMs(position), (timestampMs, i) => ({
          timestampMs,
          value: bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH ? payloads[bits[i * 2]!]!.join() : values[i]!,
          startMs: startsMs?.[i] ?? 0,
        })),
      );
    });
  }
  return { refs, samples };
}

test.each(['floats', 'starts', 'histograms'] as const)('a log becomes its series in label order, however many parts it is sorted in and steps it is sealed in: %s', (kind) => {
  for (let seed = 1; seed <= 60; seed++) {
    const { head, index, wanted } = randomLog(seed, kind);
    for (const [partEntries, stepSamples] of [[1, Infinity], [50, 70], [100_000, 1], [100_000, Infinity]] as const) {
      const seal = new LogSeal(head, index, { segmentRowBytesTarget: seed % 2 === 0 ? 200 : 100_000, segmentFrameBytesTarget: 100 } as never, partEntries);
      const rows = [...seal.step(stepSamples)];
      while (!seal.isDone) rows.push(...seal.step(stepSamples));
      const { refs, samples } = readBack(rows);
      expect(samples).toEqual(wanted);
      expect(refs).toEqual(index.sortByLabels([...wanted.keys()]));
      // The log is as it was: a seal that fails must find it again.
      expect(rows.reduce((sum, { sampleCount }) => sum + sampleCount, 0)).toBe([...wanted.values()].flat().length);
    }
  }
});

test('a large log is put in order some entries at a time, while more come behind them', () => {
  const seriesCount = 5;
  const entryCount = 150_000;
  const index = new SeriesIndex();
  for (let ref = 0; ref < seriesCount; ref++) index.add(labelsFrom({ __name__: 'm', i: String(seriesCount - ref) }), ref);
  const head = new LogHead(entryCount * 2);
  head.reserveSeries(index.refLimit);
  const append = (from: number, sampleCount: number): void => {
    const entries = Array.from({ length: sampleCount }, (_, i) => from + i);
    const values = Float64Array.from(entries, (entry) => -entry);
    const batch = { refs: Uint32Array.from(entries, (entry) => (entry * 7) % seriesCount), timestampsMs: Float64Array.from(entries), valueBits: new Uint32Array(values.buffer) };
    head.append({ sampleCount, ...batch, payloads: [], startsMs: undefined });
  };
  append(0, entryCount);
  const order = new LogOrder(head, entryCount, index.labelOrder(), 40_000);
  const sorted: number[] = [];
  while (!order.isSorted) {
    sorted.push(order.sortOn());
    append(head.count, 1000);
  }
  expect(sorted).toEqual([65_536, 65_536, 18_928]);
  let rank = 0;
  for (let part = order.next(); part !== undefined; part = order.next()) {
    let start = 0;
    for (; rank < part.endRank; rank++) {
      const end = order.ends[rank - part.firstRank]!;
      const ref = index.labelOrder().refs[rank]!;
      const wanted = Array.from({ length: entryCount }, (_, entry) => entry).filter((entry) => (entry * 7) % seriesCount === ref);
      expect(Array.from(order.samples.timestampsMs.subarray(start, end))).toEqual(wanted);
      expect(new Float64Array(order.samples.bits.buffer).subarray(start, end)).toEqual(Float64Array.from(wanted, (entry) => -entry));
      start = end;
    }
  }
  expect(rank).toBe(seriesCount);
});
