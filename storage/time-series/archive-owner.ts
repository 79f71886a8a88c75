import type { ObjectStore } from '../object-store.ts';
import { putObject } from '../put-object.ts';
import { badData } from '../runtime/errors.ts';
import { port } from '../runtime/port-failure.ts';
import { randomId, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';

interface ArchiveOwnerOptions {
  readonly sql: Sql;
  readonly store: ObjectStore;
  readonly random: Random;
  readonly prefix: string;
  /** Somebody has chosen the prefix, and may have chosen it twice; one that is random is nobody else's. */
  readonly isShared: boolean;
}

interface OwnerRow extends Record<string, string | number> {
  readonly store: string;
  readonly is_claimed: number;
}

/**
 * To whom a prefix of a bucket belongs: the object `PREFIX/owner` has the id of the first store that archives there. Of two stores under
 * one prefix each would take the files of the other for nobody's, and remove them.
 */
export class ArchiveOwner {
  readonly #options: ArchiveOwnerOptions;
  #isClaimed: boolean;
  readonly #id: string;

  constructor(options: ArchiveOwnerOptions) {
    const { sql, random, isShared } = options;
    this.#options = options;
    sql.run('CREATE TABLE IF NOT EXISTS archive_owner (id INTEGER PRIMARY KEY CHECK (id = 1), store TEXT NOT NULL, is_claimed INTEGER NOT NULL) WITHOUT ROWID');
    sql.run('INSERT OR IGNORE INTO archive_owner (id, store, is_claimed) VALUES (1, ?, 0)', randomId(random));
    const [row] = sql.all<OwnerRow>('SELECT store, is_claimed FROM archive_owner WHERE id = 1') as [OwnerRow];
    this.#id = row.store;
    this.#isClaimed = !isShared || row.is_claimed === 1;
  }

  /**
   * Once in the store's life, before anything is written or removed under the prefix. A VarveError when it is another store's, a PortFailure
   * when the bucket does not answer.
   */
  async claim(): Promise<void> {
    if (this.#isClaimed) return;
    const { sql, store, prefix } = this.#options;
    // Commit point: the object. A crash behind it finds the same bytes there.
    const outcome = await port(() => putObject(store, `${prefix}/owner`, new TextEncoder().encode(this.#id)));
    if (outcome === 'different') throw badData(`the archive's prefix ${JSON.stringify(prefix)} is another store's, as the object ${JSON.stringify(`${prefix}/owner`)} says: give each store its own; the values stay where they are`);
    sql.run('UPDATE archive_owner SET is_claimed = 1 WHERE id = 1');
    this.#isClaimed = true;
  }
}
