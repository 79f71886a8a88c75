import { expect, test } from 'vitest';
import { encodeHistogram } from '../../../storage/chunk/index.ts';
import type { CounterResetHint, FloatHistogram } from '../../../storage/model/histogram.ts';
import { compareLabels, formatLabels, labelsFrom } from '../../../storage/model/labels.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { LateBatchWriter } from '../../../storage/shard/late/late-batch.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { readHistogram } from '../chunk/page-reader.ts';
import { bitsOf, idOf, named, STALE, write, type TestBatch, type TestValue } from './batches.ts';
import {
  readExemplarRow,
  readLateBatch,
  readRefRuns,
  readSegment,
  readSegmentList,
  readSeriesBlock,
  readWalRow,
  type PageSample,
  type PageSeries,
} from './page-reader.ts';
import { dump, histogramText, sampleText, type Dump } from './store-model.ts';

const LIMITS = limitsWith({});
const START_MS = 1_700_000_000_000;
const SERIES = Array.from({ length: 60 }, (_, i) => named(`m${i % 7}`, { i: String(i), ä: 'ü'.repeat(i % 3) }));
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge'];

function histogramOf(seed: number): FloatHistogram {
  const isCustom = seed % 5 === 0;
  return {
    counterResetHint: HINTS[seed % 4]!,
    schema: isCustom ? -53 : 3,
    zeroThreshold: 0.001,
    zeroCount: seed,
    count: 100 + seed,
    sum: seed * 1.5,
    positiveSpans: [
      { offset: -2, length: 2 },
      { offset: 1, length: 1 },
    ],
    positiveBuckets: [seed, 3, seed % 7 === 0 ? 4.5 : 4],
    negativeSpans: [{ offset: 0, length: 1 }],
    negativeBuckets: [3],
    customValues: isCustom ? [1, 2.5] : [],
  };
}

/** A value of each kind of series, so that every codec has its turn. */
function valueOf(random: SeededRandom, series: number, round: number): TestValue {
  const rising = round * 50 + random.below(50);
  if (random.oneIn(40)) return random.pick<TestValue>([STALE, NaN, Infinity, -0, 1 / 3]);
  switch (series % 8) {
    case 0:
      return 5;
    case 1:
      return rising;
    case 2:
      return rising / 100;
    case 3:
      return round * 100 + series;
    case 4:
      return random.below(2 ** 30) * Math.PI;
    case 5:
      return rising / 7;
    case 6:
      return random.pick([Math.PI, Math.E]);
    default:
      return rising;
  }
}

type Kind = 'floats of known series' | 'scattered floats' | 'histograms and start timestamps';

function batchOf(random: SeededRandom, kind: Kind, round: number, atMs: number): TestBatch {
  const some = SERIES.slice(0, 30 + random.below(30));
  const [steps, stepMs] = random.pick([
    [1, 0],
    [3000, 1],
    [2 ** 20, 80_000],
  ] as const);
  return (kind === 'scattered floats' ? random.shuffle([...some]) : some).map((labels) => {
    const i = SERIES.indexOf(labels);
    const timestampMs = atMs - random.below(steps) * stepMs;
    if (kind !== 'histograms and start timestamps') return { labels, samples: [[timestampMs, valueOf(random, i, round)]] };
    const value = i % 8 === 7 ? histogramOf(random.below(300)) : valueOf(random, i, round);
    const exemplars = i === 0 ? [[timestampMs, 1.25, labelsFrom({ trace_id: `t${round}` })] as const] : [];
    return { labels, samples: [i % 3 === 0 ? [timestampMs, value, START_MS - round] : [timestampMs, value]], exemplars };
  });
}

/** All that the tables have, read by the page. */
class Tables {
  readonly seen = new Set<string>();
  readonly #sql: NodeSql;

  constructor(sql: NodeSql) {
    this.#sql = sql;
  }

  series(): Map<number, PageSeries> {
    const blocks = this.#sql.all<{ first_ref: number; definitions: ArrayBuffer }>('SELECT first_ref, definitions FROM series_block');
    for (const { definitions } of blocks) this.seen.add(`block version ${new Uint8Array(definitions)[0]}`);
    return new Map(blocks.flatMap(({ first_ref, definitions }) => readSeriesBlock(new Uint8Array(definitions), first_ref)).map((series) => [series.ref, series]));
  }

  /** In the order of precedence. */
  samples(): PageSample[] {
    const [state] = this.#sql.all<{ live_segments: ArrayBuffer; sealed_sequence: number }>('SELECT live_segments, sealed_sequence FROM shard_state');
    const log = this.#sql.all<{ samples: ArrayBuffer }>('SELECT samples FROM wal WHERE sequence > ? ORDER BY sequence', state!.sealed_sequence);
    return [
      ...readSegmentList(new Uint8Array(state!.live_segments)).flatMap((segment) => this.#segment(segment)),
      ...log.flatMap(({ samples }) => readWalRow(new Uint8Array(samples), this.seen)),
    ];
  }

  #segment(segment: number): PageSample[] {
    const [row] = this.#sql.all<{ samples: ArrayBuffer; refs: ArrayBuffer; sample_count: number; min_time_ms: number; max_time_ms: number }>(
      'SELECT * FROM segment JOIN segment_refs USING (segment) WHERE segment = ?',
      segment,
    );
    const samples = readSegment(new Uint8Array(row!.samples), this.seen);
    const timesMs = samples.map(({ timestampMs }) => timestampMs);
    expect([samples.length, Math.min(...timesMs), Math.max(...timesMs)]).toEqual([row!.sample_count, row!.min_time_ms, row!.max_time_ms]);
    expect(readRefRuns(new Uint8Array(row!.refs))).toEqual([...new Set(samples.map(({ ref }) => ref))].sort((a, b) => a - b));
    return samples;
  }

  exemplars(): ReturnType<typeof readExemplarRow> {
    return this.#sql.all<{ exemplars: ArrayBuffer }>('SELECT exemplars FROM exemplar_row ORDER BY sequence').flatMap(({ exemplars }) => readExemplarRow(new Uint8Array(exemplars)));
  }
}

/** As a store answers. */
function dumpOf(samples: readonly PageSample[], series: ReadonlyMap<number, PageSeries>): Dump {
  const byRef = new Map<number, Map<number, string>>();
  for (const { ref, timestampMs, value, startMs } of samples) {
    let ofSeries = byRef.get(ref);
    if (ofSeries === undefined) byRef.set(ref, (ofSeries = new Map()));
    const text =
      typeof value === 'bigint' ? sampleText(timestampMs, Number(value & 0xffff_ffffn), Number(value >> 32n), startMs) : histogramText(timestampMs, readHistogram(value).histogram, startMs);
    ofSeries.set(timestampMs, text);
  }
  return [...byRef]
    .map(([ref, ofSeries]) => [series.get(ref)!.labels, [...ofSeries].sort(([a], [b]) => a - b).map(([, text]) => text)] as const)
    .sort(([a], [b]) => compareLabels(a, b))
    .map(([labels, texts]) => [formatLabels(labels), texts]);
}

const FORMS: readonly (readonly [Kind, readonly string[]])[] = [
  ['floats of known series', ['wal version 3']],
  ['scattered floats', ['wal version 1', 'wal times 0', 'wal times 1', 'wal times 2', 'codec 2']],
  ['histograms and start timestamps', ['wal version 2', 'codec 5', 'codec 6']],
];
const CODECS = ['codec 0', 'codec 1', 'codec 3', 'codec 4', 'codec 7', 'stale markers', 'exceptions'];

test.each(FORMS)('what a shard keeps is what FORMAT.md draws: %s', (kind, forms) => {
  const random = new SeededRandom(kind.length);
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS);
  const tables = new Tables(sql);
  const exemplars: unknown[] = [];
  write(store, [{ labels: named('first'), samples: [[START_MS, 1]] }]);
  for (let round = 0; round < 120; round++) {
    const batch = batchOf(random, kind, round, START_MS + round * 15_000);
    expect(write(store, batch).status).toBe('stored');
    for (const { labels, exemplars: some = [] } of batch) exemplars.push(...some.map(([timestampMs, value, own]) => ({ id: [...idOf(labels)], timestampMs, value, labels: own })));
    if (round % 50 === 49) store.seal();
  }
  const series = tables.series();
  for (const { labels, id } of series.values()) expect(id).toEqual([...idOf(labels)]);
  expect(dumpOf(tables.samples(), series)).toEqual(dump(store));
  expect(tables.exemplars()).toEqual(exemplars);
  expect([...tables.seen]).toEqual(expect.arrayContaining([...forms, ...CODECS]));
});

test('blocks of series with gaps between their refs are what FORMAT.md draws', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql, LIMITS);
  write(store, SERIES.map((labels) => ({ labels, samples: [[START_MS, 1]] })));
  store.deleteSeries({ version: SHARD_RPC_VERSION, limit: 0, selectors: [[{ name: 'i', type: '=~', value: '.*[13579]' }]], startMs: -Infinity, endMs: Infinity });
  store.maintain();
  const tables = new Tables(sql);
  const series = tables.series();
  expect([...tables.seen]).toEqual(['block version 2']);
  expect([...series.values()].map(({ labels }) => labels)).toEqual(SERIES.filter((_, i) => i % 2 === 0));
  expect(dumpOf(tables.samples(), series)).toEqual(dump(store));
});

test('a late batch is what FORMAT.md draws', () => {
  const writer = new LateBatchWriter();
  const valueBits = new Uint32Array([bitsOf(1), bitsOf(STALE), bitsOf(2.5)].flat());
  writer.add({ labels: SERIES[0]!, timestampsMs: Float64Array.of(30, 10, 20), valueBits, startsMs: Float64Array.of(5, 0, 7) });
  writer.add({ labels: SERIES[1]!, timestampsMs: Float64Array.of(1), valueBits: valueBits.slice(0, 2), startsMs: new Float64Array(1) });
  const [first, second] = readLateBatch(new Uint8Array(writer.finish()));
  expect(first).toEqual({ labels: SERIES[0], timestampsMs: [30, 10, 20], values: [0x3ff0000000000000n, 0x7ff0000000000002n, 0x4004000000000000n], startsMs: [5, 0, 7] });
  expect(second).toEqual({ labels: SERIES[1], timestampsMs: [1], values: [0x3ff0000000000000n], startsMs: [] });
});

test('a payload is what FORMAT.md draws, and says whether its sender counts in integers', () => {
  for (let seed = 0; seed < 300; seed++) {
    for (const isInteger of [false, true]) expect(readHistogram(encodeHistogram(histogramOf(seed), isInteger))).toEqual({ histogram: histogramOf(seed), isInteger });
  }
});
