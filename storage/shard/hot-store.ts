import { DecodeError } from '../../proto/decode-error.ts';
import { assert } from '../runtime/assert.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { decodeAppendMessage, type AppendMessage } from './append-message.ts';
import { LogHead } from './log-head.ts';
import { sealLog } from './seal.ts';
import { selectPage } from './select.ts';
import { decodeSeriesBlock, encodeSeriesBlock, type SeriesDefinition } from './series-block.ts';
import { SeriesIndex } from './series-index.ts';
import { COLLISION, NO_REF, SeriesTable } from './series-table.ts';
import type {
  AppendAnswer,
  LabelsShardRequest,
  SelectShardAnswer,
  SelectShardRequest,
  SeriesShardAnswer,
  ShardStats,
  StringsShardAnswer,
} from './shard-api.ts';
import { migrate } from './shard-schema.ts';
import { encodeWalRow, Wal } from './wal.ts';

/** A series of a batch that is left out, with its samples: over the limit. */
const REFUSED_REF = 0xffffffff;

/**
 * The engine of one shard: WAL, log head, label index, segments. Everything is synchronous, so each method is atomic towards the others.
 *
 * An exception from here means that memory and storage may disagree: the owner must let it out and be rebuilt from storage.
 */
export class HotStore {
  readonly #sql: Sql;
  readonly #limits: typeof LIMITS;
  readonly #table = new SeriesTable();
  readonly #index = new SeriesIndex();
  readonly #head: LogHead;
  readonly #wal: Wal;
  #refs = new Uint32Array(4096);
  #timestampsMs = new Float64Array(4096);
  #valueBits = new Uint32Array(8192);
  readonly #counters = {
    batches_total: 0,
    samples_appended_total: 0,
    samples_duplicate_total: 0,
    series_created_total: 0,
    series_refused_total: 0,
    seals_total: 0,
    selects_total: 0,
  };

  /** Opens the store, bringing the schema up to date and memory back to what storage holds. */
  constructor(sql: Sql, limits: typeof LIMITS = LIMITS) {
    this.#sql = sql;
    this.#limits = limits;
    migrate(sql);
    this.#head = new LogHead(limits.logEntriesMax);
    this.#recoverSeries();
    this.#wal = new Wal(sql, limits.walSlotsMax);
    this.#wal.replay((batch) => this.#head.append(batch.refs, batch.timestampsMs, batch.valueBits, batch.sampleCount));
  }

  /** Stores a batch, all or nothing but for new series over the limit, which are named in the answer. */
  append(message: ArrayBuffer): AppendAnswer {
    let batch: AppendMessage;
    try {
      batch = decodeAppendMessage(message);
    } catch (error) {
      // Nothing has been touched: a message of another version, or a damaged one, is the caller's affair.
      if (error instanceof DecodeError) return { status: 'refused', message: error.message };
      throw error;
    }
    if (batch.sampleCount > this.#limits.batchSamplesMax) {
      return { status: 'refused', message: `the batch has ${batch.sampleCount} samples, the limit batchSamplesMax is ${this.#limits.batchSamplesMax}` };
    }
    const unknown: number[] = [];
    const added: SeriesDefinition[] = [];
    const seriesRefs = new Uint32Array(batch.seriesCount);
    const addedRefs = new Map<string, number>();
    let refusedSeries = 0;
    for (let i = 0; i < batch.seriesCount; i++) {
      const low = batch.idLow[i]!;
      const high = batch.idHigh[i]!;
      const check = batch.idCheck[i]!;
      let ref = this.#table.find(low, high, check);
      if (ref === COLLISION) return collisionAnswer();
      if (ref === NO_REF) {
        const labels = batch.definitions.get(i);
        if (labels === undefined) {
          unknown.push(i);
          continue;
        }
        // The same new series may come twice in one batch; ids are only taken into the table behind the commit point.
        const key = `${low}:${high}`;
        const earlier = addedRefs.get(key);
        if (earlier !== undefined) {
          if (added[earlier - this.#table.count]!.check !== check) return collisionAnswer();
          ref = earlier;
        } else if (this.#table.count + added.length >= this.#limits.activeSeriesMax) {
          ref = REFUSED_REF;
          refusedSeries++;
        } else {
          ref = this.#table.count + added.push({ low, high, check, labels }) - 1;
          addedRefs.set(key, ref);
        }
      }
      seriesRefs[i] = ref;
    }
    if (unknown.length > 0) return { status: 'unknown-series', positions: Uint32Array.from(unknown) };
    return this.#store(batch, seriesRefs, added, refusedSeries);
  }

  select(request: SelectShardRequest): SelectShardAnswer {
    this.#counters.selects_total++;
    const answer = selectPage({ sql: this.#sql, index: this.#index, head: this.#head }, request, this.#limits);
    this.#fence();
    return answer;
  }

  labelNames(request: LabelsShardRequest): StringsShardAnswer {
    const names = this.#index.labelNames(this.#refsOf(request));
    this.#fence();
    return { status: 'values', ...cut(names.sort(), request.limit) };
  }

  labelValues(name: string, request: LabelsShardRequest): StringsShardAnswer {
    const values = this.#index.labelValues(name, this.#refsOf(request));
    this.#fence();
    return { status: 'values', ...cut(values.sort(), request.limit) };
  }

  series(request: LabelsShardRequest): SeriesShardAnswer {
    const refs = this.#index.sortByLabels(this.#refsOf(request) ?? this.#index.select([]));
    const { values, truncated } = cut(refs, request.limit);
    const series = values.map((ref) => this.#index.labelsOf(ref));
    this.#fence();
    return { status: 'series', series, truncated };
  }

  stats(): ShardStats {
    return {
      counters: { ...this.#counters, rows_written_total: this.#sql.rowsWritten() },
      gauges: {
        series: this.#table.count,
        log_entries: this.#head.count,
        wal_rows: this.#wal.rowCount,
        storage_bytes: this.#sql.sizeBytes(),
      },
    };
  }

  /** Writes the log out as segments and frees it. */
  seal(): void {
    if (this.#head.count === 0) return;
    this.#sql.transaction(() => {
      const [state] = this.#sql.all<{ next_segment: number; next_seal: number }>('SELECT next_segment, next_seal FROM shard_state WHERE id = 1');
      let segment = state!.next_segment;
      for (const row of sealLog(this.#head, this.#index, this.#limits)) {
        this.#sql.run(
          `INSERT INTO segment (segment, seal, min_time_ms, max_time_ms, first_metric, last_metric, sample_count, samples)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          segment++,
          state!.next_seal,
          row.minTimeMs,
          row.maxTimeMs,
          row.firstMetric,
          row.lastMetric,
          row.sampleCount,
          row.bytes,
        );
      }
      this.#sql.run('UPDATE shard_state SET next_segment = ?, next_seal = ? WHERE id = 1', segment, state!.next_seal + 1);
      // Commit point of the seal: this transaction. A crash before it leaves the WAL as it was and no segment; a crash behind it leaves
      // the segments, and WAL rows that are void by their sequence.
      this.#wal.markSealed();
    });
    this.#wal.restart();
    this.#head.clear();
    this.#counters.seals_total++;
  }

  #store(batch: AppendMessage, seriesRefs: Uint32Array, added: readonly SeriesDefinition[], refusedSeries: number): AppendAnswer {
    this.#head.reserveSeries(this.#table.count + added.length);
    const { sampleCount, refusedSamples } = this.#takeSamples(batch, seriesRefs);
    if (this.#head.free < sampleCount || this.#wal.isFull) this.seal();
    if (sampleCount > 0 || added.length > 0) {
      const refs = this.#refs;
      const row = encodeWalRow({ sampleCount, refs, timestampsMs: this.#timestampsMs, valueBits: this.#valueBits });
      // Commit point of a batch: the WAL row, alone or in one transaction with the series that it brings. The runtime makes it durable
      // before the answer leaves. A crash before it leaves nothing of the batch; a crash behind it leaves the whole batch, and the sender,
      // who may not have the answer, sends it again.
      if (added.length === 0) this.#wal.append(row);
      else this.#sql.transaction(() => this.#writeWithSeries(row, added));
      for (const definition of added) this.#addSeries(definition);
      this.#head.append(refs, this.#timestampsMs, this.#valueBits, sampleCount);
    }
    this.#counters.batches_total++;
    this.#counters.samples_appended_total += sampleCount;
    this.#counters.samples_duplicate_total += batch.sampleCount - sampleCount - refusedSamples;
    this.#counters.series_created_total += added.length;
    this.#counters.series_refused_total += refusedSeries;
    return {
      status: 'stored',
      samplesStored: batch.sampleCount - refusedSamples,
      refusedSeries,
      refusedSamples,
      refusal: refusedSeries === 0 ? undefined : `the shard holds ${this.#table.count} series, the limit activeSeriesMax is ${this.#limits.activeSeriesMax}`,
    };
  }

  #writeWithSeries(row: Uint8Array, added: readonly SeriesDefinition[]): void {
    let firstRef = this.#table.count;
    for (const block of seriesBlocks(added, this.#limits.seriesBlockBytesTarget)) {
      const definitions = encodeSeriesBlock(block);
      this.#sql.run('INSERT INTO series_block (first_ref, series_count, definitions) VALUES (?, ?, ?)', firstRef, block.length, definitions);
      firstRef += block.length;
    }
    this.#wal.append(row);
  }

  /** Copies the batch's samples to the scratch columns, refs beside them, without refused series and without what was sent again. */
  #takeSamples(batch: AppendMessage, seriesRefs: Uint32Array): { sampleCount: number; refusedSamples: number } {
    this.#reserveScratch(batch.sampleCount);
    const refs = this.#refs;
    const timestampsMs = this.#timestampsMs;
    const valueBits = this.#valueBits;
    const head = this.#head;
    let taken = 0;
    let refusedSamples = 0;
    let sample = 0;
    for (let i = 0; i < batch.seriesCount; i++) {
      const ref = seriesRefs[i]!;
      const end = batch.sampleEnd[i]!;
      if (ref === REFUSED_REF) {
        refusedSamples += end - sample;
        sample = end;
        continue;
      }
      for (; sample < end; sample++) {
        const timestampMs = batch.timestampsMs[sample]!;
        const low = batch.valueBits[sample * 2]!;
        const high = batch.valueBits[sample * 2 + 1]!;
        if (head.endsWith(ref, timestampMs, low, high)) continue;
        refs[taken] = ref;
        timestampsMs[taken] = timestampMs;
        valueBits[taken * 2] = low;
        valueBits[taken * 2 + 1] = high;
        taken++;
      }
    }
    return { sampleCount: taken, refusedSamples };
  }

  #reserveScratch(sampleCount: number): void {
    if (sampleCount <= this.#refs.length) return;
    this.#refs = new Uint32Array(sampleCount);
    this.#timestampsMs = new Float64Array(sampleCount);
    this.#valueBits = new Uint32Array(sampleCount * 2);
  }

  #addSeries({ low, high, check, labels }: SeriesDefinition): void {
    const ref = this.#table.add(low, high, check);
    this.#index.add(labels);
    assert(ref + 1 === this.#index.count, `ref ${ref} with ${this.#index.count} series in the index`);
  }

  #recoverSeries(): void {
    const blocks = this.#sql.each<{ first_ref: number; definitions: ArrayBuffer }>('SELECT first_ref, definitions FROM series_block ORDER BY first_ref');
    for (const block of blocks) {
      if (block.first_ref !== this.#table.count) throw new Error(`series block ${block.first_ref}: want ${this.#table.count}: a block is missing`);
      decodeSeriesBlock(block.definitions, `series block ${block.first_ref}`, (definition) => this.#addSeries(definition));
    }
    this.#head.reserveSeries(this.#table.count);
  }

  /** The series of any of the selectors; `undefined` for all of them. */
  #refsOf(request: LabelsShardRequest): number[] | undefined {
    if (request.selectors.length === 0) return undefined;
    if (request.selectors.length === 1) return this.#index.select(request.selectors[0]!);
    return [...new Set(request.selectors.flatMap((matchers) => this.#index.select(matchers)))];
  }

  /** The last thing every read does: see Wal.isCurrent. */
  #fence(): void {
    if (!this.#wal.isCurrent()) throw new Error('this instance of the shard has been replaced: ask again');
  }
}

function collisionAnswer(): AppendAnswer {
  return { status: 'refused', message: 'the id of a series collides with that of another one; the series cannot be stored' };
}

/** Cuts definitions into blocks of about `bytesTarget`. */
function seriesBlocks(definitions: readonly SeriesDefinition[], bytesTarget: number): SeriesDefinition[][] {
  const blocks: SeriesDefinition[][] = [];
  let bytes = Infinity;
  for (const definition of definitions) {
    if (bytes >= bytesTarget) {
      blocks.push([]);
      bytes = 0;
    }
    blocks.at(-1)!.push(definition);
    // Three bytes of UTF-8 a UTF-16 unit at the most.
    bytes += definition.labels.reduce((sum, text) => sum + text.length * 3 + 2, 14);
  }
  return blocks;
}

function cut<T>(values: T[], limit: number): { values: T[]; truncated: boolean } {
  const truncated = limit > 0 && values.length > limit;
  return { values: truncated ? values.slice(0, limit) : values, truncated };
}
