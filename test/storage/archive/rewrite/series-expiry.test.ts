import { describe, expect, test } from 'vitest';
import { SeriesRetention } from '../../../../storage/archive/series-retention.ts';
import { rollupDays } from '../../../../storage/catalog/rollup-days.ts';
import { labelValue, METRIC_NAME, type Labels } from '../../../../storage/model/labels.ts';
import type { Matcher } from '../../../../storage/model/matcher.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import '../../../fakes/remembered-zstd.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, DAY_START_MS, HOUR_MS, samplesOf } from '../archive-world.ts';
import { letDie } from '../dying.ts';
import { randomSeries } from '../random-series.ts';

const SMALL = { archiveRowGroupRowsMax: 50, archiveFileRowsMax: 170, archiveMergeRowsTarget: 90, archiveRemovedCheckMs: 8 * HOUR_MS };
const metrics = (pattern: string): Matcher => ({ name: METRIC_NAME, type: '=~', value: pattern });
const RULES = { short: /^m[0-2]$/, middle: /^m[3-4]$/ };
const RETENTION = new SeriesRetention([
  { matchers: [metrics('m[0-2]')], retentionMs: 5 * DAY_MS },
  { matchers: [metrics('m[0-4]')], retentionMs: 10 * DAY_MS },
  { matchers: [], retentionMs: 30 * DAY_MS },
]);

/** Two days of samples, under rules; whatever rules say nothing is of an age yet. */
async function filled(seed: number, hours = [0, 1, 2, 3, 24, 25]): Promise<{ world: ArchiveWorld; labels: Labels[]; random: SeededRandom }> {
  const world = new ArchiveWorld(SMALL);
  world.retention = RETENTION;
  world.wake();
  const random = new SeededRandom(seed);
  const labels = randomSeries(random, 14, 1).map((each) => each.labels);
  for (const hour of hours) await world.commit(samplesOf(labels, random, hour));
  return { world, labels, random };
}

/** What is left of lines of `readAll` at a time: days leave whole. */
function keptAt(lines: readonly string[], nowMs: number): string[] {
  return lines.filter((line) => {
    const [, metric, time] = /^\S+ ([a-zA-Z0-9_:]*).* (\d+) [0-9a-f:]+ \d+$/s.exec(line)!;
    const days = RULES.short.test(metric!) ? 5 : RULES.middle.test(metric!) ? 10 : 30;
    return (Math.floor(Number(time) / DAY_MS) + 1) * DAY_MS + days * DAY_MS > nowMs;
  });
}

const rowsOf = (world: ArchiveWorld): number => world.liveFiles().reduce((sum, { rowCount }) => sum + rowCount, 0);
const at = async (world: ArchiveWorld, day: number): Promise<void> => world.live(DAY_START_MS + day * DAY_MS - world.clock.nowMs());

describe('series that a rule keeps for a shorter time', () => {
  test('are not read from the hour on, and files lose them by and by', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const { world, labels, random } = await filled(seed);
      let all = await world.readAll();
      for (const day of [5.9, 6.1, 7.05, 8, 11.5, 12.5, 20]) {
        // The clock moves on before the alarm has rung: what is asked for then is the same.
        const atMs = DAY_START_MS + day * DAY_MS;
        if (random.oneIn(2)) world.clock.advance(atMs - world.clock.nowMs());
        expect(await world.readAll()).toEqual(keptAt(all, world.clock.nowMs()));
        await at(world, day);
        expect(await world.readAll()).toEqual(keptAt(all, atMs));
        if (random.oneIn(3)) {
          await world.commit(samplesOf(labels, random, random.below(26)));
          all = await world.readAll();
          if (random.oneIn(2)) world.wake();
        }
      }
      // Of equal timestamps files may have several; none has what is over.
      await world.live(HOUR_MS);
      for (const { firstMetric, lastMetric } of world.liveFiles()) expect([firstMetric, lastMetric].some((metric) => RULES.short.test(metric) || RULES.middle.test(metric))).toBe(false);
      expect(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!.summary['total-records']).toBe(String(rowsOf(world)));
      await world.live(15 * DAY_MS);
      expect(world.liveFiles()).toEqual([]);
    }
  });

  test('each file is written anew once for each time that rules have, and not looked at again', async () => {
    const { world } = await filled(3);
    await at(world, 5.9);
    const before = rowsOf(world);
    const files = world.liveFiles().length;
    const { counters } = world.upkeep;
    expect(counters['archive_expiry_rewritten_files_total']).toBe(0);
    await at(world, 7.5);
    expect(world.upkeep.counters['archive_expiry_rewritten_files_total']).toBeLessThanOrEqual(files);
    expect(world.upkeep.counters['archive_expired_rows_total']).toBe(before - rowsOf(world));
    const rows = rowsOf(world);
    await world.live(5 * HOUR_MS);
    const { get } = world.objects.counts;
    world.wake();
    await at(world, 9.5);
    // Snapshots expire and objects are removed, but no file is read.
    expect(world.objects.counts.get).toBe(get);
    expect(rowsOf(world)).toBe(rows);
  });

  test('rules that are changed: what is kept for longer now stays, what is kept shorter goes at once', async () => {
    const { world } = await filled(4);
    const all = await world.readAll();
    await at(world, 7.5);
    world.retention = new SeriesRetention([{ matchers: [metrics('m[5-6]')], retentionMs: 4 * DAY_MS }, { matchers: [], retentionMs: 30 * DAY_MS }]);
    world.wake();
    const left = keptAt(all, DAY_START_MS + 7.5 * DAY_MS).filter((line) => !/^\S+ m[56]\b/.test(line));
    expect(await world.readAll()).toEqual(left);
    await world.live(HOUR_MS);
    expect(await world.readAll()).toEqual(left);
    world.retention = SeriesRetention.ofAll(30 * DAY_MS);
    world.wake();
    await at(world, 20);
    expect(await world.readAll()).toEqual(left);
  });

  test('where all are kept for as long, nothing is written or read for it', async () => {
    const { world } = await filled(5);
    world.retention = SeriesRetention.ofAll(30 * DAY_MS);
    world.wake();
    const all = await world.readAll();
    await at(world, 20);
    expect(await world.readAll()).toEqual(all);
    expect(world.upkeep.counters['archive_expiry_rewritten_files_total']).toBe(0);
  });

  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', { timeout: 60_000 }, async (when) => {
    const { world: whole } = await filled(5, [0, 1, 24]);
    const all = await whole.readAll();
    await at(whole, 5.9);
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      await at(world, 7.5).catch(() => at(world, 7.5));
      expect(await world.readAll()).toEqual(keptAt(all, world.clock.nowMs()));
      expect(rowsOf(world)).toBe(keptAt(all, world.clock.nowMs()).length);
      if (store.calls <= call) break;
    }
  });

  test.each(['before', 'after'] as const)('the catalog dies %s some calls of its storage', { timeout: 120_000 }, async (when) => {
    const { world: whole, labels, random } = await filled(5, [0, 24]);
    // A shard of which nothing stays, and late samples of which are of no roll-ups.
    const short = labels.filter((each) => RULES.short.test(labelValue(each, METRIC_NAME)));
    await whole.commit(samplesOf(short, random, 2), '1/1');
    whole.database.run("INSERT INTO rollup_day (table_name, shard, day, through_file, policy) SELECT 'rollup_1h', shard, day, newest_file - 1, 1 FROM rollup_source WHERE shard = '1/1'");
    const rolledUp = (world: ArchiveWorld): unknown => rollupDays(world.database, { version: 1, firstDay: 0, lastDay: 1e6 }).days;
    expect(rolledUp(whole)).toEqual([]);
    const all = await whole.readAll();
    await at(whole, 5.9);
    await letDie(whole, { when, stride: 101, work: (world) => at(world, 7.5) }, async (world) => {
      expect(await world.readAll()).toEqual(keptAt(all, world.clock.nowMs()));
      await at(world, 13);
      expect(await world.readAll()).toEqual(keptAt(all, world.clock.nowMs()));
      expect(rowsOf(world)).toBe(keptAt(all, world.clock.nowMs()).length);
      // What was rolled up of the shard that is gone is all there is.
      expect(rolledUp(world)).toMatchObject([{ table: 'rollup_1h', shard: '1/1' }]);
    });
  });
});
