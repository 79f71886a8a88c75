import type { DataFile } from '../../catalog/iceberg/data-file.ts';
import { LruCache } from '../../runtime/lru-cache.ts';
import { port, PortFailure } from '../../runtime/port-failure.ts';
import type { MergeReader } from './merge-codec.ts';

/** Files that are open to be written again: their directories, which the next step goes on with. */
export class MergeReaders<Rows> {
  readonly #readers: LruCache<string, MergeReader<Rows>>;

  /** `tailBytesMax`: what the tails of those that are remembered may have together. */
  constructor(tailBytesMax: number) {
    this.#readers = new LruCache(tailBytesMax);
  }

  /** A file that is open, or what `open` opens. Throws PortFailure where that does not answer, or the file is not the one that the catalog knows. */
  async open(file: DataFile, open: () => Promise<MergeReader<Rows>>): Promise<MergeReader<Rows>> {
    const known = this.#readers.get(file.key);
    if (known !== undefined) return known;
    const reader = await port(open);
    if (reader.rowCount !== file.rowCount) throw new PortFailure(`${file.key} has ${reader.rowCount} rows, the catalog says ${file.rowCount}`);
    this.#readers.set(file.key, reader, file.tailBytes);
    return reader;
  }

  clear(): void {
    this.#readers.clear();
  }
}
