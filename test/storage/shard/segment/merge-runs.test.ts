import { expect, test } from 'vitest';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { floatSource, SampleRun } from '../../../../storage/shard/run/sample-run.ts';
import { mergeRuns, PAUSE } from '../../../../storage/shard/segment/merge-runs.ts';
import { SegmentReader } from '../../../../storage/shard/segment/segment-reader.ts';
import { SegmentRowsWriter, type SealedRow } from '../../../../storage/shard/segment/segment-rows.ts';
import type { Segments } from '../../../../storage/shard/segment/segments.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { named } from '../batches.ts';

const INTERVAL = 15;
const SERIES = 300;

type Samples = Map<number, number>;
/** By run, by ref. */
type Runs = readonly ReadonlyMap<number, Samples>[];

const index = new SeriesIndex();
// Refs are not in label order.
for (let ref = 0; ref < SERIES; ref++) index.add(named(`m${(ref * 7) % 11}`, { i: String((ref * 131) % SERIES) }));
const order = index.labelOrder();

/** What moves how: most series as metrics do, some of no decimals, and some of both. */
function valueOf(random: SeededRandom, ref: number, at: number): number {
  switch (ref % 6) {
    case 0: return 5;
    case 1: return at * 100 + random.below(20);
    case 2: return random.below(5) / 4;
    case 3: return Math.sqrt(at + 2);
    case 4: return random.below(40) === 0 ? NaN : random.below(1000) / 10;
    default: return at * 3;
  }
}

function randomRuns(random: SeededRandom, runCount: number): Runs {
  const isChurning = random.below(2) === 0;
  const overlap = random.below(3) === 0 ? random.below(3) : 0;
  return Array.from({ length: runCount }, (_, run) => {
    const series = new Map<number, Samples>();
    for (let ref = 0; ref < SERIES; ref++) {
      if (isChurning && random.below(10) === 0) continue;
      const target = ref % 7;
      const first = run * 4 - (random.below(20) === 0 ? overlap : 0);
      const count = 1 + (target % 4);
      const samples: Samples = new Map();
      for (let i = 0; i < count; i++) samples.set((first + i) * INTERVAL + target, valueOf(random, ref, first + i));
      series.set(ref, samples);
    }
    return series;
  });
}

function addSorted(writer: SegmentRowsWriter, series: ReadonlyMap<number, Samples>): readonly SealedRow[] {
  const rows: SealedRow[] = [];
  for (const ref of order.refs) {
    const samples = [...(series.get(ref) ?? [])].sort(([a], [b]) => a - b);
    if (samples.length === 0) continue;
    const values = Float64Array.from(samples, ([, value]) => value);
    const run = new SampleRun();
    run.append(floatSource(Float64Array.from(samples, ([timeMs]) => timeMs), new Uint32Array(values.buffer)), 0, samples.length);
    writer.add(ref, index.metricNameOf(ref), run, 0, run.length);
    rows.push(...writer.take());
  }
  return [...rows, ...writer.finish()];
}

test('merged runs are the rows that the samples make when all are written at once, to the byte', () => {
  for (let seed = 1; seed <= 80; seed++) {
    const random = new SeededRandom(seed);
    const limits = { segmentFrameBytesTarget: 200 + random.below(2000), segmentRowBytesTarget: 400 + random.below(20_000), mergeStepSamples: 1 + random.below(3000) } as never;
    const runs = randomRuns(random, 2 + random.below(7));
    const floorMs = random.below(3) === 0 ? random.below(8) * INTERVAL : -Infinity;
    const stored: Uint8Array[] = [];
    const sealed = runs.map((series) => {
      const rows = addSorted(new SegmentRowsWriter(limits), series).map(({ bytes }) => ({ segment: stored.push(bytes) - 1 }));
      return { rows: rows as never, sampleCount: 0 };
    });
    const segments = { floorMs, open: ({ segment }: { segment: number }) => new SegmentReader(stored[segment]!.slice().buffer, `segment ${segment}`) };
    const merged = [...mergeRuns(segments as unknown as Segments, sealed, index, limits)].filter((row) => row !== PAUSE);

    const all = new Map<number, Samples>();
    for (const series of runs) {
      for (const [ref, samples] of series) {
        const into = all.get(ref) ?? all.set(ref, new Map()).get(ref)!;
        for (const [timeMs, value] of samples) if (timeMs >= floorMs) into.set(timeMs, value);
      }
    }
    const wanted = addSorted(new SegmentRowsWriter(limits), all);
    expect(merged.map(({ bytes, ...row }) => row), `seed ${seed}`).toEqual(wanted.map(({ bytes, ...row }) => row));
    expect(merged.map(({ bytes }) => Buffer.from(bytes).toString('base64')), `seed ${seed}`).toEqual(wanted.map(({ bytes }) => Buffer.from(bytes).toString('base64')));
  }
});

test('a series in a run that is out of label order is an error', () => {
  const limits = { segmentFrameBytesTarget: 1000, segmentRowBytesTarget: 10_000, mergeStepSamples: 1000 } as never;
  const row = (refs: readonly number[]): Uint8Array => {
    const writer = new SegmentRowsWriter(limits);
    const run = new SampleRun();
    run.append(floatSource(Float64Array.of(1), new Uint32Array(2)), 0, 1);
    for (const ref of refs) writer.add(ref, index.metricNameOf(ref), run, 0, 1);
    return writer.finish()[0]!.bytes;
  };
  const backwards = row([...order.refs].slice(0, 20).reverse());
  const segments = { floorMs: -Infinity, open: () => new SegmentReader(backwards.slice().buffer, 'segment') };
  const runs = [{ rows: [{ segment: 0 }] as never, sampleCount: 20 }];
  expect(() => [...mergeRuns(segments as unknown as Segments, runs, index, limits)]).toThrow('not in label order');
});
