import { crc32 } from 'node:zlib';
import { ByteReader, signedVarint } from '../../proto/varint.ts';
import { ColumnWriter, decodeLabels, encodeLabels } from '../chunk/index.ts';
import { labelsKey, type Labels } from '../model/labels.ts';
import { must } from '../runtime/assert.ts';
import { DamageNotes } from '../runtime/damage.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';

type ExemplarLimits = Pick<typeof LIMITS, 'exemplarRowsMax' | 'exemplarRowBytesTarget' | 'exemplarsRememberedMax'>;

const VERSION = 1;
const HEADER_BYTES = 12;

/** An exemplar and the id of its series. Ids, not refs: those are given anew when series go, and exemplars stay where they are. */
export interface StoredExemplar {
  readonly idLow: number;
  readonly idHigh: number;
  readonly idCheck: number;
  readonly timestampMs: number;
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly labels: Labels;
}

/**
 * The shard's exemplars: a ring of rows of which the newest is written again with what has come until it is full, so that a batch costs one
 * row written; when all slots are in use, the oldest row makes room. Nothing is kept in memory but the newest row and what was stored last.
 *
 * A row: u8 version │ 3 × u8 0 │ u32 exemplars │ u32 CRC-32 of all that follows │ per exemplar u32 id low, u32 id high, u32 check word,
 * signed timestamp (ms), 8 bytes value, labels (chunk/labels-codec.ts).
 */
export class Exemplars {
  readonly #sql: Sql;
  readonly #limits: ExemplarLimits;
  readonly #damage: DamageNotes;
  #slot = 0;
  #sequence = 0;
  /** Entries of the newest row. */
  #open = new Uint8Array(0);
  #openCount = 0;
  /** Whether the newest row can be written again. */
  #isOpen = false;
  #staged: { readonly bytes: Uint8Array; readonly count: number }[] = [];
  /** What was staged last, so that a request that is sent again does not fill the ring; the oldest is forgotten first. */
  readonly #remembered = new Set<string>();

  constructor(sql: Sql, limits: ExemplarLimits, damage = new DamageNotes()) {
    this.#sql = sql;
    this.#limits = limits;
    this.#damage = damage;
    const [slot] = slotsByAge(sql).slice(-1);
    if (slot === undefined) return;
    const newest = this.#rowAt(slot);
    this.#slot = newest.slot;
    this.#sequence = newest.sequence;
    const open = tryOpenRow(newest);
    // A damaged row takes nothing more; reading names it, and writing goes on behind it.
    this.#isOpen = open !== undefined;
    if (open === undefined) return;
    this.#open = open.reader.bytes.slice(HEADER_BYTES);
    this.#openCount = open.count;
  }

  get hasStaged(): boolean {
    return this.#staged.length > 0;
  }

  /** Takes exemplars that the next `write` is to store. */
  stage(exemplars: Iterable<StoredExemplar>): void {
    const out = new ColumnWriter(1024);
    let count = 0;
    for (const exemplar of exemplars) {
      if (!this.#isNew(exemplar)) continue;
      writeExemplar(exemplar, out);
      count++;
      if (out.length < this.#limits.exemplarRowBytesTarget) continue;
      this.#staged.push({ bytes: out.written().slice(), count });
      out.clear();
      count = 0;
    }
    if (count > 0) this.#staged.push({ bytes: out.written().slice(), count });
  }

  /** Writes what is staged, inside the caller's transaction, which is the commit point. Throws when another instance has written since. */
  write(): void {
    if (!this.#isCurrent()) throw new Error('this instance of the shard has been replaced: send again');
    for (const { bytes, count } of this.#staged) {
      const fits = this.#isOpen && this.#open.length + bytes.length <= this.#limits.exemplarRowBytesTarget;
      if (!fits && this.#sequence > 0) this.#slot = (this.#slot + 1) % this.#limits.exemplarRowsMax;
      const entries = new Uint8Array((fits ? this.#open.length : 0) + bytes.length);
      if (fits) entries.set(this.#open);
      entries.set(bytes, entries.length - bytes.length);
      this.#open = entries;
      this.#openCount = (fits ? this.#openCount : 0) + count;
      this.#isOpen = true;
      this.#sequence++;
      const row = closeRow(entries, this.#openCount);
      this.#sql.run('INSERT OR REPLACE INTO exemplar_row (slot, sequence, exemplars) VALUES (?, ?, ?)', this.#slot, this.#sequence, row);
      this.#damage.mended('exemplar_row', this.#slot);
    }
    this.#staged = [];
  }

  /** All that are stored, the oldest first; one that was sent again may come again. */
  *stored(): Generator<StoredExemplar> {
    for (const slot of slotsByAge(this.#sql)) {
      const { exemplars } = this.#rowAt(slot);
      yield* this.#damage.read('exemplar_row', slot, () => readRow(exemplars, slot));
    }
  }

  #rowAt(slot: number): ExemplarRow {
    const [row] = this.#sql.all<ExemplarRow>('SELECT slot, sequence, exemplars FROM exemplar_row WHERE slot = ?', slot);
    return must(row, `exemplar row ${slot}`);
  }

  #isNew({ idLow, idHigh, timestampMs, bitsLow, bitsHigh, labels }: StoredExemplar): boolean {
    const key = `${idLow}:${idHigh}:${timestampMs}:${bitsLow}:${bitsHigh}:${labelsKey(labels)}`;
    if (this.#remembered.has(key)) return false;
    this.#remembered.add(key);
    if (this.#remembered.size > this.#limits.exemplarsRememberedMax) this.#remembered.delete(this.#remembered.values().next().value!);
    return true;
  }

  /** Whether the newest row is the one that this instance wrote or found. */
  #isCurrent(): boolean {
    const rows = this.#sql.all<{ sequence: number }>(
      'SELECT sequence FROM exemplar_row WHERE slot IN (?, ?)',
      this.#slot,
      (this.#slot + 1) % this.#limits.exemplarRowsMax,
    );
    return Math.max(0, ...rows.map(({ sequence }) => sequence)) === this.#sequence;
  }
}

/** The slots in use, the oldest row's first: without the rows, all of which would be read to be put into order. */
function slotsByAge(sql: Sql): number[] {
  return sql.all<{ slot: number }>('SELECT slot FROM exemplar_row ORDER BY sequence').map(({ slot }) => slot);
}

interface ExemplarRow extends Record<string, number | ArrayBuffer> {
  slot: number;
  sequence: number;
  exemplars: ArrayBuffer;
}

function writeExemplar(exemplar: StoredExemplar, out: ColumnWriter): void {
  out.uint32(exemplar.idLow);
  out.uint32(exemplar.idHigh);
  out.uint32(exemplar.idCheck);
  out.signed(exemplar.timestampMs);
  out.uint32(exemplar.bitsLow);
  out.uint32(exemplar.bitsHigh);
  out.append(encodeLabels(exemplar.labels));
}

function readExemplar(reader: ByteReader): StoredExemplar {
  return {
    idLow: reader.uint32(),
    idHigh: reader.uint32(),
    idCheck: reader.uint32(),
    timestampMs: signedVarint(reader),
    bitsLow: reader.uint32(),
    bitsHigh: reader.uint32(),
    labels: decodeLabels(reader),
  };
}

function readRow(exemplars: ArrayBuffer, slot: number): StoredExemplar[] {
  const { count, reader } = openRow(exemplars, slot);
  const all = Array.from({ length: count }, () => readExemplar(reader));
  if (!reader.done) throw new Error(`exemplar row ${slot}: ${reader.end - reader.position} bytes too many`);
  return all;
}

function tryOpenRow({ exemplars, slot }: ExemplarRow): ReturnType<typeof openRow> | undefined {
  try {
    return openRow(exemplars, slot);
  } catch {
    return undefined;
  }
}

function closeRow(entries: Uint8Array, count: number): Uint8Array {
  const row = new Uint8Array(HEADER_BYTES + entries.length);
  const view = new DataView(row.buffer);
  view.setUint8(0, VERSION);
  view.setUint32(4, count, true);
  view.setUint32(8, crc32(entries), true);
  row.set(entries, HEADER_BYTES);
  return row;
}

function openRow(buffer: ArrayBuffer, slot: number): { readonly count: number; readonly reader: ByteReader } {
  const where = `exemplar row ${slot}`;
  if (buffer.byteLength < HEADER_BYTES) throw new Error(`${where}: ${buffer.byteLength} bytes`);
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) throw new Error(`${where}: version ${view.getUint8(0)}, this build knows ${VERSION}`);
  if (view.getUint32(0, true) !== VERSION) throw new Error(`${where}: reserved bytes are not zero`);
  const crc = crc32(new Uint8Array(buffer, HEADER_BYTES));
  if (crc !== view.getUint32(8, true)) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${view.getUint32(8, true)}`);
  return { count: view.getUint32(4, true), reader: new ByteReader(new Uint8Array(buffer), HEADER_BYTES) };
}
