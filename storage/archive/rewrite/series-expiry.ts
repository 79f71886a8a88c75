import { ExpiredFiles, type ExpiredSpan, type ExpiringFile } from '../../catalog/expired-files.ts';
import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { partitionEndDay, type ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../../catalog/iceberg/table-definitions.ts';
import { RollupSources } from '../../catalog/rollup-sources.ts';
import { SeriesHasher } from '../../model/series-id.ts';
import { must } from '../../runtime/assert.ts';
import { port } from '../../runtime/port-failure.ts';
import { randomId } from '../../runtime/random.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import { DAY_MS } from '../../runtime/units.ts';
import type { SeriesEntry } from '../files/series-directory.ts';
import { seriesIdBytes } from '../files/series-id-bytes.ts';
import { oldestKept, type RetentionOf, type SeriesRetention } from '../series-retention.ts';
import type { MergeCodec, MergeReader, MergeWriter } from './merge-codec.ts';
import type { RewritingPorts } from './rewriting-ports.ts';
import { limitsOfOneFile, putRewritten } from './rewritten-file.ts';
import { entriesInBatches } from './series-batches.ts';

export interface SeriesExpiryOptions extends RewritingPorts {
  readonly retentionOf: RetentionOf;
  /** Of tables without a codec no series leave before their partition does. */
  readonly codecs: Readonly<Partial<Record<ArchiveTableName, MergeCodec<unknown>>>>;
}

interface Span extends ExpiredSpan {
  /** That of the series which have left. */
  readonly retention: SeriesRetention;
  readonly retentionMs: number;
}

/**
 * Writes files anew without the series that have left a partition before it leaves itself, because a rule keeps them for a shorter time: once
 * for each time that rules have, a file or a few directories a step. Queries have not read those since the hour struck (SeriesFiles).
 * There is no plan: an object that is written, and whose replacement does not follow in the same step, is nobody's, and the next try writes
 * another.
 */
export class SeriesExpiry {
  readonly name = 'expire series';
  readonly counters = { archive_expiry_rewritten_files_total: 0, archive_expired_rows_total: 0, archive_expiry_failures_total: 0 };
  readonly #options: SeriesExpiryOptions;
  readonly #expired: ExpiredFiles;
  readonly #sources: RollupSources;
  readonly #pause: RetryPause;
  readonly #tables: readonly { readonly table: ArchiveTableName; readonly retention: SeriesRetention }[];
  #hasher: SeriesHasher | undefined;
  #isRunning = false;
  /** What was found out for a state of the catalog: until then, or the next commit, there is nothing to do. */
  #known: { readonly change: number; readonly dueMs: number | undefined } | undefined;

  constructor(options: SeriesExpiryOptions) {
    this.#options = options;
    this.#expired = new ExpiredFiles(options.sql);
    this.#sources = new RollupSources(options.sql);
    this.#pause = new RetryPause(options.clock);
    this.#tables = (Object.keys(options.codecs) as ArchiveTableName[]).flatMap((table) => {
      const retention = options.retentionOf(table);
      return retention === undefined || retention.retentionsMs.length === 1 ? [] : [{ table, retention }];
    });
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    if (this.#tables.length === 0) return undefined;
    const dueMs = this.#dueMs();
    return dueMs === undefined ? undefined : Math.max(dueMs, this.#pause.untilMs);
  }

  async step(): Promise<void> {
    if (this.#isRunning || !this.#pause.isOver || this.#tables.length === 0) return;
    this.#isRunning = true;
    try {
      if (!(await this.#pause.attempt(() => this.#cleanSome()))) this.counters.archive_expiry_failures_total++;
    } finally {
      this.#known = undefined;
      this.#isRunning = false;
    }
  }

  async #cleanSome(): Promise<void> {
    for (const span of this.#spans()) {
      const due = this.#expired.due(span, this.#options.limits.archiveTombstoneFilesPerStep);
      for (const file of due) if (await this.#clean(file, span)) return;
      if (due.length > 0) return;
    }
  }

  #dueMs(): number | undefined {
    const { clock } = this.#options;
    const change = this.#expired.lastChange();
    if (this.#known?.change === change && (this.#known.dueMs ?? Infinity) > clock.nowMs()) return this.#known.dueMs;
    const dueMs = this.#findDueMs();
    this.#known = { change, dueMs };
    return dueMs;
  }

  #findDueMs(): number | undefined {
    let soonestMs = Infinity;
    for (const span of this.#spans()) {
      if (this.#expired.due(span, 1).length > 0) return -Infinity;
      const next = this.#options.files.oldestDay(span.table, span.endDay);
      if (next !== undefined) soonestMs = Math.min(soonestMs, partitionEndDay(tableDefinition(span.table), next) * DAY_MS + span.retentionMs);
    }
    return soonestMs === Infinity ? undefined : soonestMs;
  }

  /** Of each table as many as there are retentions, but for the longest: with that partitions leave whole. */
  #spans(): Span[] {
    const nowMs = this.#options.clock.nowMs();
    return this.#tables.flatMap(({ table, retention }) =>
      retention.retentionsMs.slice(0, -1).map((retentionMs, i): Span => {
        const oldest = (ms: number): number => oldestKept(tableDefinition(table), ms, nowMs);
        return { table, retention, retentionMs, firstDay: oldest(retention.retentionsMs[i + 1]!), endDay: oldest(retentionMs), mark: retention.markOf(retentionMs) };
      }),
    );
  }

  /** Whether it had to be written anew. */
  async #clean({ file, shard, day, description }: ExpiringFile, { table, retention, retentionMs, mark }: Span): Promise<boolean> {
    const { sql, files, store, clock, random } = this.#options;
    const codec = must(this.#options.codecs[table], `a codec for ${table}`);
    const reader = await port(() => codec.open(store, description));
    // Its series are gone through twice: all of them at once may be more than goes into memory.
    const isKept = ({ labels }: SeriesEntry): boolean => retention.of(labels) > retentionMs;
    const counts = await port(async () => countKept(reader.series(), isKept));
    if (counts.left === 0) {
      this.#expired.mark(file, mark);
      return false;
    }
    const id = randomId(random);
    const add: DataFile[] = [];
    if (counts.kept > 0) {
      const rewritten = await this.#rewrite(codec, reader, isKept, shard);
      add.push(await putRewritten(this.#options, rewritten.finish(), { table, day, shard, planId: id }));
    }
    // Commit point of the rewrite: this transaction. A crash before it leaves an object that nobody refers to; where the file has left
    // meanwhile, merged with others, it is they that are written anew.
    const outcome = sql.transaction(() => {
      const done = files.replace({ id, table, remove: [file], add, nowMs: clock.nowMs() });
      if (done !== 'done') return done;
      if (add.length > 0) this.#expired.markNewest(mark);
      else if (table === 'samples') this.#sources.noteExpired(description, shard);
      return done;
    });
    if (outcome === 'done') {
      this.counters.archive_expiry_rewritten_files_total++;
      this.counters.archive_expired_rows_total += description.rowCount - (add[0]?.rowCount ?? 0);
    }
    return true;
  }

  async #rewrite(codec: MergeCodec<unknown>, reader: MergeReader<unknown>, isKept: (entry: SeriesEntry) => boolean, shard: string): Promise<MergeWriter<unknown>> {
    const { limits } = this.#options;
    const hasher = (this.#hasher ??= new SeriesHasher(this.#options.seriesHashKey()));
    const writer = codec.writer(limitsOfOneFile(limits), { 'varve.shard': shard });
    for (const batch of entriesInBatches(reader, keptOf(reader.series(), isKept), limits)) {
      const rows = await port(() => reader.read(batch));
      batch.forEach(({ labels }, i) => writer.add(labels, seriesIdBytes(hasher, labels), rows[i], 0, codec.lengthOf(rows[i])));
    }
    return writer;
  }
}

function* keptOf(entries: Iterable<SeriesEntry>, isKept: (entry: SeriesEntry) => boolean): Generator<SeriesEntry> {
  for (const entry of entries) if (isKept(entry)) yield entry;
}

function countKept(entries: Iterable<SeriesEntry>, isKept: (entry: SeriesEntry) => boolean): { readonly kept: number; readonly left: number } {
  let [kept, left] = [0, 0];
  for (const entry of entries) isKept(entry) ? kept++ : left++;
  return { kept, left };
}
