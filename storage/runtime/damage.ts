import { messageOf } from './errors.ts';

/** How the message of such an error begins, before table and row: its message is all that RPC carries of an error. */
const DAMAGED_STORAGE = 'damaged storage: ';

/** A stored row that cannot be read: it is damaged, or of a version that this build does not know. Reading it again does not help. */
export class DamagedRowError extends Error {
  readonly table: string;
  /** Its key in the table. */
  readonly row: number;

  constructor(table: string, row: number, cause: unknown) {
    super(`${DAMAGED_STORAGE}${table} ${row}: ${messageOf(cause)}`, { cause });
    this.name = 'DamagedRowError';
    this.table = table;
    this.row = row;
  }
}

/** Whether an error, which may have come by RPC, says that a row cannot be read. */
export function isAboutDamage(error: unknown): boolean {
  return messageOf(error).includes(DAMAGED_STORAGE);
}

/** What `decode` makes of a stored row; whatever it throws is the row's fault. */
export function readStored<T>(table: string, row: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new DamagedRowError(table, row, error);
  }
}

/** The rows that an object has found damaged since it woke: they are looked at only when somebody needs them. */
export class DamageNotes {
  readonly #rows = new Set<string>();

  get rowCount(): number {
    return this.#rows.size;
  }

  /** What `decode` makes of a stored row, as `readStored`; a damaged one is noted. */
  read<T>(table: string, row: number, decode: () => T): T {
    try {
      return readStored(table, row, decode);
    } catch (error) {
      this.#rows.add(keyOf(table, row));
      throw error;
    }
  }

  /** The row has been written anew. */
  mended(table: string, row: number): void {
    this.#rows.delete(keyOf(table, row));
  }
}

function keyOf(table: string, row: number): string {
  return `${table} ${row}`;
}
