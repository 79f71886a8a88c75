import { readStored } from '../../runtime/damage.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Sql } from '../../runtime/sql.ts';
import { encodeSeriesBlock, readSeriesBlock, type SeriesDefinition } from './series-block.ts';
import { SeriesIndex } from './series-index.ts';
import { SeriesTable } from './series-table.ts';
import { SymbolReader } from './symbol-reader.ts';

type RegistryLimits = Pick<typeof LIMITS, 'seriesBlockBytesTarget'>;

/**
 * The series that a shard knows: from id to ref, from matchers to refs, and the blocks in storage that both are rebuilt from. Refs of
 * series that are gone are given again, so that whatever is indexed by ref stays as large as the most series there ever were at a time.
 */
export class SeriesRegistry {
  readonly #sql: Sql;
  readonly #limits: RegistryLimits;
  #table = new SeriesTable();
  #index = new SeriesIndex();
  #generation = 0;
  /** Refs below the index's limit that no series has, the next one to give last. */
  #freeRefs: number[] = [];
  #unwritten: PlacedDefinition[] = [];

  constructor(sql: Sql, limits: RegistryLimits) {
    this.#sql = sql;
    this.#limits = limits;
    this.#read();
  }

  get table(): SeriesTable {
    return this.#table;
  }

  get index(): SeriesIndex {
    return this.#index;
  }

  /** Rises when the index is another one. */
  get generation(): number {
    return this.#generation;
  }

  get count(): number {
    return this.#index.count;
  }

  get refLimit(): number {
    return this.#index.refLimit;
  }

  /** The ref that the next new series but `position` gets. */
  refOfNew(position: number): number {
    const free = this.#freeRefs;
    return position < free.length ? free[free.length - 1 - position]! : this.refLimit + position - free.length;
  }

  /** Takes new series, which get the next refs, into memory: `write` has to store them before any sample of theirs is stored, and before anybody is answered. */
  add(added: readonly SeriesDefinition[]): void {
    for (const definition of added) {
      const ref = this.refOfNew(0);
      this.#freeRefs.pop();
      this.#table.add(definition.low, definition.high, definition.check, ref);
      this.#index.add(definition.labels, ref);
      // Rising as they are: free refs are given the least first, then new ones.
      this.#unwritten.push({ ref, definition });
    }
  }

  get hasUnwritten(): boolean {
    return this.#unwritten.length > 0;
  }

  /** Stores the series that have been added since the last time, inside the caller's transaction. */
  write(): void {
    if (this.#unwritten.length === 0) return;
    this.#writeBlocks(this.#unwritten);
    this.#unwritten = [];
  }

  /**
   * Replaces the blocks by ones without the series that `isAlive` denies, inside the caller's transaction. Nothing that is stored may mention
   * those any more. `reread` follows behind the commit point.
   */
  writeWithout(isAlive: (ref: number) => boolean): void {
    const kept: PlacedDefinition[] = [];
    for (const { ref, low, high, check } of this.#table.ids()) {
      if (isAlive(ref)) kept.push({ ref, definition: { low, high, check, labels: [] } });
    }
    kept.sort((a, b) => a.ref - b.ref);
    this.#sql.run('DELETE FROM series_block');
    this.#writeBlocks(kept.values().map(({ ref, definition }) => ({ ref, definition: { ...definition, labels: this.#index.labelsOf(ref) } })));
  }

  /** Rebuilds memory from the blocks. What was there is let go first: both together might not fit. */
  reread(): void {
    this.#table = new SeriesTable();
    this.#index = new SeriesIndex();
    this.#generation++;
    this.#read();
  }

  #read(): void {
    const blocks = this.#sql.each<{ first_ref: number; definitions: ArrayBuffer }>('SELECT first_ref, definitions FROM series_block ORDER BY first_ref');
    const symbols = new SymbolReader(this.#index);
    for (const { first_ref, definitions } of blocks) {
      readStored('series_block', first_ref, () =>
        readSeriesBlock(definitions, `series block ${first_ref}`, (reader) => symbols.read(reader), ({ low, high, check, labels }, offset) => {
          this.#table.add(low, high, check, first_ref + offset);
          this.#index.addSymbols(labels, first_ref + offset);
        }),
      );
    }
    this.#index.rankSymbols();
    this.#freeRefs = [];
    for (let ref = this.refLimit - 1; ref >= 0; ref--) if (!this.#table.has(ref)) this.#freeRefs.push(ref);
  }

  #writeBlocks(series: Iterable<PlacedDefinition>): void {
    for (const block of blocksOf(series, this.#limits.seriesBlockBytesTarget)) {
      const refs = block.map(({ ref }) => ref);
      const definitions = encodeSeriesBlock(block.map(({ definition }) => definition), refs);
      this.#sql.run('INSERT INTO series_block (first_ref, series_count, definitions) VALUES (?, ?, ?)', refs[0]!, block.length, definitions);
    }
  }
}

interface PlacedDefinition {
  readonly ref: number;
  readonly definition: SeriesDefinition;
}

/** Cuts series, refs rising, into blocks of about `bytesTarget`. */
function* blocksOf(series: Iterable<PlacedDefinition>, bytesTarget: number): Generator<PlacedDefinition[]> {
  let block: PlacedDefinition[] = [];
  let bytes = 0;
  for (const placed of series) {
    if (bytes >= bytesTarget) {
      yield block;
      block = [];
      bytes = 0;
    }
    block.push(placed);
    // Three bytes of UTF-8 a UTF-16 unit at the most.
    bytes += placed.definition.labels.reduce((sum, text) => sum + text.length * 3 + 2, 19);
  }
  if (block.length > 0) yield block;
}
