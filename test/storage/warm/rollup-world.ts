import { expect } from 'vitest';
import { SAMPLES_MERGE_CODEC } from '../../../storage/archive/rewrite/merge-codec.ts';
import { SeriesExpiry } from '../../../storage/archive/rewrite/series-expiry.ts';
import { SeriesRetention, type RetentionOf } from '../../../storage/archive/series-retention.ts';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { dayOf } from '../../../storage/catalog/iceberg/data-file.ts';
import { ROLLUP_TABLES } from '../../../storage/catalog/iceberg/rollup-tables.ts';
import { formatLabels, labelsKey, type Labels } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { SampleRun } from '../../../storage/shard/run/sample-run.ts';
import { compareSeries } from '../../../storage/shard/select/read-window.ts';
import { BucketColumns, isMissing } from '../../../storage/warm/bucket-columns.ts';
import { BucketFold } from '../../../storage/warm/bucket-fold.ts';
import { ROLLUP_CODECS } from '../../../storage/warm/open-rollups.ts';
import { RollupBuilder } from '../../../storage/warm/rollup-builder.ts';
import { ALL_BUCKET_PARTS, RollupFileReader } from '../../../storage/warm/rollup-file-reader.ts';
import { ROLLUP_NUMBERS } from '../../../storage/warm/rollup-schema.ts';
import { aggregatesOf, DEFAULT_WARM_POLICY, type WarmPolicy } from '../../../storage/warm/tiering-policy.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ArchiveWorld, DAY_MS, DAY_START_MS, HOUR_MS } from '../archive/archive-world.ts';
import type { TestSeries } from '../archive/random-series.ts';

/** Files of samples in a catalog, and the roll-ups that are made of them; all samples are remembered, to compare. */
export class RollupWorld extends ArchiveWorld {
  builder!: RollupBuilder;
  expiry!: SeriesExpiry;
  policy: WarmPolicy;
  retentionOf: RetentionOf = () => SeriesRetention.ofAll(365 * DAY_MS);
  readonly #samples = new Map<string, { readonly labels: Labels; readonly run: SampleRun }>();
  #wakes = 0;

  constructor(limits: Partial<Record<keyof typeof LIMITS, number>> = {}, policy: WarmPolicy = DEFAULT_WARM_POLICY, from?: RollupWorld) {
    super(limits, from);
    this.policy = policy;
    if (from !== undefined) this.#continue(from);
    this.wake();
  }

  override copy(): RollupWorld {
    return new RollupWorld(this.limits, this.policy, this);
  }

  override wake(wrap: (sql: Sql) => Sql = (sql) => sql): void {
    super.wake(wrap);
    // The constructor of the world below wakes before there is a policy.
    if (this.policy === undefined) return;
    const sql = wrap(new NodeSql(this.database.database));
    const codecs = { samples: SAMPLES_MERGE_CODEC, ...ROLLUP_CODECS };
    const { clock, limits, store, files } = this;
    const random = new SeededRandom(100 + this.#wakes++);
    const catalog = new CatalogStore(sql, random);
    this.builder = this.builderOver(sql, random);
    this.expiry = new SeriesExpiry({ sql, files, store, clock, random, limits, prefix: 't/archive', seriesHashKey: () => catalog.routing(1).seriesHashKey, retentionOf: this.retentionOf, codecs });
  }

  builderOver(sql: Sql, random = new SeededRandom(1)): RollupBuilder {
    const { clock, limits, store, policy, retentionOf } = this;
    const catalog = new CatalogStore(sql, random);
    return new RollupBuilder({ sql, files: new ArchiveFiles(sql, limits), store, clock, random, limits, prefix: 't/archive', seriesHashKey: () => catalog.routing(1).seriesHashKey, policy, retentionOf });
  }

  /** Series of one day, in order. */
  override async commit(series: readonly TestSeries[], shard = '1/0'): Promise<void> {
    for (const { labels, source } of series) {
      const key = `${shard} ${labelsKey(labels)}`;
      let known = this.#samples.get(key);
      if (known === undefined) this.#samples.set(key, (known = { labels, run: new SampleRun() }));
      known.run.append(source, 0, source.timestampsMs.length);
      known.run.settle();
    }
    await super.commit(series, shard);
  }

  #continue(from: RollupWorld): void {
    this.#wakes = from.#wakes;
    for (const [key, { labels, run }] of from.#samples) {
      const copy = new SampleRun(run.length);
      copy.append(run, 0, run.length);
      this.#samples.set(key, { labels, run: copy });
    }
  }

  /** What the alarm does for roll-ups until nothing is due. */
  async rollUpAll(stepsMax = 3000): Promise<number> {
    for (let step = 0; step < stepsMax; step++) {
      const dueMs = this.builder.nextDueMs();
      if (dueMs === undefined || dueMs > this.clock.nowMs() + HOUR_MS) return step;
      if (dueMs > this.clock.nowMs()) this.clock.advance(dueMs - this.clock.nowMs());
      await this.builder.step();
    }
    throw new Error(`roll-ups do not come to an end in ${stepsMax} steps`);
  }

  /** What the alarm does for series that leave before their partition does, until nothing is due. */
  async expireAll(stepsMax = 3000): Promise<number> {
    for (let step = 0; step < stepsMax; step++) {
      if ((this.expiry.nextDueMs() ?? Infinity) > this.clock.nowMs()) return step;
      await this.expiry.step();
    }
    throw new Error(`series do not come to an end of leaving in ${stepsMax} steps`);
  }

  /** Days that a table has and that are up to date. */
  freshDays(table: string): number[] {
    return new NodeSql(this.database.database)
      .all<{ day: number }>('SELECT day FROM rollup_day LEFT JOIN rollup_source USING (shard, day) WHERE table_name = ? AND (newest_file IS NULL OR through_file >= newest_file) ORDER BY day', table)
      .map(({ day }) => (day * DAY_MS - DAY_START_MS) / DAY_MS);
  }

  /** Keys of the files of a table. */
  liveFilesOf(table: (typeof ROLLUP_TABLES)[number]['name']): string[] {
    return this.files.files({ version: CATALOG_RPC_VERSION, table, startMs: -1e15, endMs: 1e15, after: undefined }).files.map(({ key }) => key).sort();
  }

  /** Every object of roll-ups is of a file that the catalog knows. */
  async expectNoOrphans(): Promise<void> {
    const { objects } = await this.objects.list('t/archive/rollup_');
    const known = ROLLUP_TABLES.flatMap(({ name }) => this.liveFilesOf(name));
    expect(objects.map(({ key }) => key).sort()).toEqual(known.sort());
  }

  /** Every bucket of a table as it stands in files, sorted. */
  async bucketsOf(table: (typeof ROLLUP_TABLES)[number]['name']): Promise<string[]> {
    const { files } = this.files.files({ version: CATALOG_RPC_VERSION, table, startMs: -1e15, endMs: 1e15, after: undefined });
    const lines: string[] = [];
    for (const file of files) {
      const reader = await RollupFileReader.open(this.objects, file);
      const entries = [...reader.series()];
      (await reader.read(entries, ALL_BUCKET_PARTS)).forEach((buckets, i) => lines.push(...linesOf(entries[i]!.labels, buckets)));
    }
    return lines.sort();
  }

  /** Every bucket that the table should have of some days, counted from the first. */
  expectedBuckets(table: (typeof ROLLUP_TABLES)[number]['name'], days: readonly number[]): string[] {
    const { resolution, resolutionMs } = ROLLUP_TABLES.find(({ name }) => name === table)!;
    const kept = aggregatesOf(this.policy.rules, resolution);
    const lines: string[] = [];
    for (const { labels, run } of [...this.#samples.values()].sort((a, b) => compareSeries(a.labels, b.labels))) {
      const aggregates = kept(labels);
      if (aggregates === undefined) continue;
      const fold = new BucketFold(resolutionMs, this.limits.rollupPercentileSamplesMax, aggregates);
      const buckets = new BucketColumns();
      fold.add(run, 0, run.length, buckets);
      fold.finish(buckets);
      lines.push(...linesOf(labels, buckets, (startMs) => days.includes(dayOf(startMs) - dayOf(DAY_START_MS))));
    }
    return lines.sort();
  }
}

function linesOf(labels: Labels, buckets: BucketColumns, isWanted: (startMs: number) => boolean = () => true): string[] {
  const rows = Array.from({ length: buckets.length }, (_, row) => row).filter((row) => isWanted(buckets.startMs[row]!));
  return rows.map((row) => {
    const numbers = ROLLUP_NUMBERS.map((name) => {
      const { bits } = buckets.numbers[name];
      return isMissing(bits, row) ? '-' : `${bits[row * 2 + 1]!.toString(16)}:${bits[row * 2]!.toString(16)}`;
    });
    const counts = [buckets.count[row], buckets.staleCount[row], buckets.histogramCount[row], buckets.firstMs[row], buckets.lastMs[row]];
    return `${formatLabels(labels)} ${buckets.startMs[row]} ${counts.join(' ')} ${numbers.join(' ')} ${Buffer.from(buckets.sketches[row] ?? []).toString('hex')}`;
  });
}
