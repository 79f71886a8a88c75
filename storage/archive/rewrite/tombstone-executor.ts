import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { RollupSources } from '../../catalog/rollup-sources.ts';
import type { Tombstones, UncleanFile } from '../../catalog/tombstones.ts';
import { SeriesHasher } from '../../model/series-id.ts';
import { must } from '../../runtime/assert.ts';
import { waitEndMs } from '../../runtime/clock.ts';
import { port, PortFailure } from '../../runtime/port-failure.ts';
import { randomId } from '../../runtime/random.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import { MINUTE_MS } from '../../runtime/units.ts';
import { DeletionTest, stretchesOutside } from '../deleted-samples.ts';
import { SamplesFileReader } from '../files/samples-file-reader.ts';
import { SamplesFileWriter } from '../files/samples-file-writer.ts';
import type { SeriesEntry } from '../files/series-directory.ts';
import { seriesIdBytes } from '../files/series-id-bytes.ts';
import type { RewritingPorts } from './rewriting-ports.ts';
import { limitsOfOneFile, putRewritten } from './rewritten-file.ts';
import { entriesInBatches } from './series-batches.ts';

/** A look for files that the catalog has forgotten: CatalogRecovery. */
export interface LookBeforehand {
  /** For people. */
  readonly name: string;
  readonly isDue: boolean;
  /** Does a bounded piece of it, if it is due and no failure waits. */
  step(): Promise<void>;
  readonly failure: PauseFailure | undefined;
}

export interface TombstoneExecutorOptions extends RewritingPorts {
  readonly tombstones: Tombstones;
  /** Deletions are of forgotten files as well: none is carried out, nor forgotten, before they are looked for. */
  readonly look?: LookBeforehand;
}

/** How often it is looked whether a tombstone that no file has anything of may be forgotten. */
const FINISH_CHECK_MS = 5 * MINUTE_MS;

/**
 * Carries deletions out in the archive's files, a few files a step: one that has samples of them is written anew without, and takes the
 * old one's place. Queries do not read what is deleted before that either (TenantArchive). There is no plan: an object that is written, and
 * whose replacement does not follow in the same step, is nobody's: the next try writes another, and the search for orphans removes it.
 */
export class TombstoneExecutor {
  readonly name = 'delete';
  readonly counters = { archive_rewritten_files_total: 0, archive_deleted_samples_total: 0, archive_rewrite_failures_total: 0 };
  readonly #options: TombstoneExecutorOptions;
  readonly #sources: RollupSources;
  readonly #pause: RetryPause;
  #hasher: SeriesHasher | undefined;
  #running: Promise<boolean> | undefined;
  #nextFinishMs = -Infinity;

  constructor(options: TombstoneExecutorOptions) {
    this.#options = options;
    this.#sources = new RollupSources(options.sql);
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    const { tombstones, clock } = this.#options;
    if (tombstones.pending().length === 0) return undefined;
    const dueMs = tombstones.unclean(1).length > 0 ? -Infinity : waitEndMs(this.#nextFinishMs, FINISH_CHECK_MS, clock.nowMs());
    return Math.max(dueMs, this.#pause.untilMs);
  }

  async step(): Promise<void> {
    if (this.#running !== undefined || !this.#pause.isOver) return;
    if (!(await this.#pause.attempt(async () => void (await this.clean())))) this.counters.archive_rewrite_failures_total++;
  }

  /** The same at once, for somebody who waits: whether there is more to do. Throws when the object store does not answer, or forgotten files cannot be looked for. */
  clean(): Promise<boolean> {
    // Who waits asks again and again: not before the piece that is being done has come to its end.
    if (this.#running !== undefined) return this.#running.then(() => true);
    this.#running = this.#cleanSome().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #cleanSome(): Promise<boolean> {
    const { tombstones, clock, limits, look } = this.#options;
    const isLookDue = (): boolean => look?.isDue === true;
    if (look !== undefined && isLookDue()) {
      await look.step();
      if (look.failure !== undefined) throw new PortFailure(`${look.name}: ${look.failure.message}`);
      return true;
    }
    for (const file of tombstones.unclean(limits.archiveTombstoneFilesPerStep)) if (await this.#cleanFile(file)) break;
    // A shard's commit may have said meanwhile that files are missing.
    if (isLookDue()) return true;
    const isLeft = tombstones.finish(look === undefined ? undefined : clock.nowMs());
    this.#nextFinishMs = clock.nowMs() + FINISH_CHECK_MS;
    return isLeft && tombstones.unclean(1).length > 0;
  }

  /** Whether it had to be written anew. */
  async #cleanFile(unclean: UncleanFile): Promise<boolean> {
    const { sql, files, store, clock, random, tombstones } = this.#options;
    const { file, shard, day, description } = unclean;
    const through = must(unclean.tombstones.at(-1), 'a tombstone').tombstone;
    const reader = await port(() => SamplesFileReader.open(store, description));
    const test = new DeletionTest(unclean.tombstones);
    // Its series are gone through twice: all of them at once may be more than goes into memory.
    if (!(await port(async () => hasDeleted(reader.series(), test)))) {
      tombstones.markClean(file, through);
      return false;
    }
    const writer = await this.#rewrite(reader, test, shard);
    const removed = description.rowCount - writer.rowCount;
    if (removed === 0) {
      tombstones.markClean(file, through);
      return true;
    }
    const id = randomId(random);
    const add: DataFile[] = [];
    if (writer.rowCount > 0) add.push(await putRewritten(this.#options, writer.finish(), { table: 'samples', day, shard, planId: id }));
    // Commit point of the rewrite: this transaction. A crash before it leaves an object that nobody refers to; where the file has left
    // meanwhile, merged with others, it is they that are written anew.
    const outcome = sql.transaction(() => {
      const done = files.replace({ id, table: 'samples', remove: [file], add, nowMs: clock.nowMs(), cleanThrough: through });
      if (done === 'done') this.#sources.noteFewer(description, shard, clock.nowMs());
      return done;
    });
    if (outcome === 'done') {
      this.counters.archive_rewritten_files_total++;
      this.counters.archive_deleted_samples_total += removed;
    }
    return true;
  }

  async #rewrite(reader: SamplesFileReader, test: DeletionTest, shard: string): Promise<SamplesFileWriter> {
    const { limits } = this.#options;
    const hasher = (this.#hasher ??= new SeriesHasher(this.#options.seriesHashKey()));
    const writer = new SamplesFileWriter(limitsOfOneFile(limits), { 'varve.shard': shard });
    for (const batch of entriesInBatches(reader, reader.series(), limits)) {
      const sources = await port(() => reader.read(batch));
      batch.forEach(({ labels, minTimeMs, maxTimeMs }, i) => {
        const { timestampsMs } = sources[i]!;
        const kept = stretchesOutside(timestampsMs, 0, timestampsMs.length, test.rangesOf(labels, minTimeMs, maxTimeMs));
        writer.addStretches(labels, seriesIdBytes(hasher, labels), sources[i]!, kept);
      });
    }
    return writer;
  }
}

function hasDeleted(entries: Iterable<SeriesEntry>, test: DeletionTest): boolean {
  for (const { labels, minTimeMs, maxTimeMs } of entries) if (test.rangesOf(labels, minTimeMs, maxTimeMs).length > 0) return true;
  return false;
}
