import { afterEach, expect, test, vi } from 'vitest';
import { SamplesFileReader } from '../../../storage/archive/files/samples-file-reader.ts';
import { SamplesFileWriter } from '../../../storage/archive/files/samples-file-writer.ts';
import type { SeriesEntry } from '../../../storage/archive/files/series-directory.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../../storage/model/sample.ts';
import type { RunSource } from '../../../storage/shard/run/sample-run.ts';
import { RollupFileWriter } from '../../../storage/warm/rollup-file-writer.ts';
import type { RollupPlan } from '../../../storage/warm/rollup-plan.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { DAY_START_MS, HOUR_MS, samplesOf } from '../archive/archive-world.ts';
import { RollupWorld } from './rollup-world.ts';

/* What roll-ups and merges of files hold at a time, whatever there is to do: rows, and files that are open. */

const LIMITS = { archiveFileRowsMax: 400, archiveRowGroupRowsMax: 100, rollupRowGroupRowsMax: 50, archiveMergeRowsTarget: 96, archiveMergeBytesTarget: 64 * 1024, archiveOpenRunsMax: 30, archiveMergeFilesMax: 4096 };
const LABELS: Labels[] = Array.from({ length: 30 }, (_, i) => ['__name__', `m${Math.floor(i / 4)}`, 'pod', `p${String(i).padStart(2, '0')}`]);

afterEach(() => vi.restoreAllMocks());

/** Watches what is read out of files of samples until it is written: rows, and bytes of histograms. */
function watchRows(writer: { readonly prototype: { add: (...parameters: never[]) => void } }): { mostRows: number; mostBytes: number } {
  const seen = { mostRows: 0, mostBytes: 0 };
  const held = new Map<string, { readonly rows: number; readonly bytes: number }>();
  let isWritten = false;
  const ids = new Map<object, number>();
  const hold = (reader: object, { firstRow }: SeriesEntry, { timestampsMs, payloads }: RunSource): void => {
    if (isWritten) held.clear();
    isWritten = false;
    if (!ids.has(reader)) ids.set(reader, ids.size);
    held.set(`${ids.get(reader)} ${firstRow}`, { rows: timestampsMs.length, bytes: payloads.reduce((sum, { length }) => sum + length, 0) });
    seen.mostRows = Math.max(seen.mostRows, [...held.values()].reduce((sum, { rows }) => sum + rows, 0));
    seen.mostBytes = Math.max(seen.mostBytes, [...held.values()].reduce((sum, { bytes }) => sum + bytes, 0));
  };
  const { read, readPart } = SamplesFileReader.prototype;
  vi.spyOn(SamplesFileReader.prototype, 'read').mockImplementation(async function (this: SamplesFileReader, entries, onFetch) {
    const rows = await read.call(this, entries, onFetch);
    rows.forEach((samples, i) => hold(this, entries[i]!, samples));
    return rows;
  });
  vi.spyOn(SamplesFileReader.prototype, 'readPart').mockImplementation(async function (this: SamplesFileReader, entry, from, to) {
    const samples = await readPart.call(this, entry, from, to);
    hold(this, entry, samples);
    return samples;
  });
  const { add } = writer.prototype;
  vi.spyOn(writer.prototype, 'add').mockImplementation(function (this: object, ...parameters: never[]) {
    isWritten = true;
    add.apply(this as never, parameters);
  });
  return seen;
}

/** Some hours of some series, one of which has many samples; late ones of the same times come behind. */
async function filled({ hours, labels }: { readonly hours: readonly number[]; readonly labels: readonly Labels[] }): Promise<RollupWorld> {
  const world = new RollupWorld(LIMITS);
  const random = new SeededRandom(hours.length);
  for (const hour of hours) await world.commit(samplesOf(labels, random, hour, 12));
  const dense: Labels = ['__name__', 'm0', 'pod', 'dense'];
  for (const [offsetMs, stepMs] of [[0, 5 * 60_000], [1, 11 * 60_000], [7, 2 * 60_000]] as const) {
    const timestampsMs = Float64Array.from({ length: (23 * HOUR_MS) / stepMs }, (_, i) => DAY_START_MS + 1000 + offsetMs + i * stepMs);
    const values = timestampsMs.map((timeMs) => timeMs % 1013);
    await world.commit([{ labels: dense, id: new Uint8Array(12), source: { timestampsMs, bits: new Uint32Array(values.buffer), payloads: [], startsMs: undefined } }]);
  }
  return world;
}

function planOf(world: RollupWorld): RollupPlan | undefined {
  const [row] = world.database.all<{ plan: string }>('SELECT plan FROM rollup_plan');
  return row && (JSON.parse(row.plan) as RollupPlan);
}

test.each([
  ['few series', { hours: [0, 1, 2], labels: LABELS.slice(0, 4) }],
  ['many series', { hours: [0, 1, 2], labels: LABELS }],
  ['many hours', { hours: Array.from({ length: 20 }, (_, i) => i), labels: LABELS }],
])('roll-ups hold no more rows than archiveMergeRowsTarget, of %s', async (_, shape) => {
  const world = await filled(shape);
  const seen = watchRows(RollupFileWriter);
  await world.rollUpAll();
  expect(seen.mostRows).toBeGreaterThan(LIMITS.archiveMergeRowsTarget / 2);
  expect(seen.mostRows).toBeLessThanOrEqual(LIMITS.archiveMergeRowsTarget);
  // Histograms are counted; what they say is not read.
  expect(seen.mostBytes).toBe(0);
  vi.restoreAllMocks();
  for (const table of ['rollup_5m', 'rollup_1h'] as const) expect(await world.bucketsOf(table), table).toEqual(world.expectedBuckets(table, [0]));
});

test('merges of files hold no more rows, and write the same samples', async () => {
  const world = await filled({ hours: Array.from({ length: 20 }, (_, i) => i), labels: LABELS });
  const before = await world.readAll();
  const seen = watchRows(SamplesFileWriter);
  await world.mergeAll();
  expect(world.merger.counters.archive_merges_total).toBe(1);
  expect(seen.mostRows).toBeGreaterThan(LIMITS.archiveMergeRowsTarget / 2);
  expect(seen.mostRows).toBeLessThanOrEqual(LIMITS.archiveMergeRowsTarget);
  vi.restoreAllMocks();
  expect(await world.readAll()).toEqual(before);
  // A series that was read in pieces is one of the file.
  for (const file of world.liveFiles()) {
    const names = [...(await SamplesFileReader.open(world.objects, file)).series()].map(({ labels }) => labels.join());
    expect(new Set(names).size).toBe(names.length);
  }
});

test('a merge of large histograms holds a few of them', async () => {
  const world = new RollupWorld({ ...LIMITS, archiveMergeRowsTarget: 10_000 });
  // As large as they may be, or nearly.
  const payloads = Array.from({ length: 40 }, (_, i) => new Uint8Array(16_000).fill(i));
  for (let hour = 0; hour < 5; hour++) {
    const timestampsMs = Float64Array.from(payloads, (_, i) => DAY_START_MS + hour * HOUR_MS + i * 1000);
    const bits = Uint32Array.from({ length: payloads.length * 2 }, (_, i) => (i & 1 ? HISTOGRAM_BITS_HIGH : i / 2));
    await world.commit(LABELS.slice(0, 6).map((labels) => ({ labels, id: new Uint8Array(12), source: { timestampsMs, bits, payloads, startsMs: undefined } })));
  }
  const seen = watchRows(SamplesFileWriter);
  await world.mergeAll();
  expect(world.merger.counters.archive_merges_total).toBe(1);
  expect(seen.mostBytes).toBeGreaterThan(0);
  expect(seen.mostBytes).toBeLessThanOrEqual(2 * LIMITS.archiveMergeBytesTarget);
});

test('no more runs of files are open at a time than archiveOpenRunsMax: fewer days at once, and a day that has more is merged first', async () => {
  const world = new RollupWorld({ ...LIMITS, archiveOpenRunsMax: 10 });
  const random = new SeededRandom(8);
  // Three days of the same month of four runs each, and one of fifteen.
  for (const day of [-3, -2, -1]) for (let hour = 0; hour < 4; hour++) await world.commit(samplesOf(LABELS, random, day * 24 + hour, 8));
  for (let hour = 0; hour < 15; hour++) await world.commit(samplesOf(LABELS, random, hour, 8));
  const runs: number[] = [];
  const days = new Set<string>();
  let waited = 0;
  for (let step = 0; step < 2000; step++) {
    const [rollUpMs, mergeMs] = [world.builder.nextDueMs() ?? Infinity, world.merger.nextDueMs() ?? Infinity];
    const dueMs = Math.min(rollUpMs, mergeMs);
    if (dueMs === Infinity) break;
    if (dueMs > world.clock.nowMs()) world.clock.advance(dueMs - world.clock.nowMs());
    // The upkeep's turns: a merge is far slower to come than a roll-up here.
    if (rollUpMs <= mergeMs || step % 3 !== 0) {
      await world.builder.step();
      if (rollUpMs <= world.clock.nowMs() && planOf(world) === undefined && (world.builder.nextDueMs() ?? 0) > world.clock.nowMs()) waited++;
    } else await world.merger.step();
    const plan = planOf(world);
    if (plan === undefined) continue;
    runs.push(plan.runs.length);
    if (plan.table === 'rollup_1h') days.add(plan.days.map(({ day }) => day * 86_400_000 - DAY_START_MS).join());
  }
  expect(waited).toBeGreaterThan(0);
  expect(Math.max(...runs)).toBeLessThanOrEqual(10);
  expect(world.merger.counters.archive_merges_total).toBeGreaterThan(1);
  for (const table of ['rollup_5m', 'rollup_1h'] as const) {
    expect(world.freshDays(table), table).toEqual([-3, -2, -1, 0]);
    expect(await world.bucketsOf(table), table).toEqual(world.expectedBuckets(table, [-3, -2, -1, 0]));
  }
});
