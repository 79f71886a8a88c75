import type { MergeCodec } from '../archive/rewrite/merge-codec.ts';
import { assert, must } from '../runtime/assert.ts';
import type { BucketColumns } from './bucket-columns.ts';
import { ALL_BUCKET_PARTS, RollupFileReader } from './rollup-file-reader.ts';
import { RollupFileWriter } from './rollup-file-writer.ts';

/** For files of roll-ups that are written anew one by one: a partition has each bucket in one file, so there are never two to be joined. */
export const ROLLUP_MERGE_CODEC: MergeCodec<BucketColumns> = {
  async open(store, ref) {
    const reader = await RollupFileReader.open(store, ref);
    return { rowCount: reader.rowCount, series: () => reader.series(), bytesOf: (entry) => reader.bytesOf(entry), read: (entries) => reader.read(entries, ALL_BUCKET_PARTS) };
  },
  writer(limits, keyValues) {
    const writer = new RollupFileWriter(limits, keyValues);
    return {
      get rowCount() {
        return writer.rowCount;
      },
      get room() {
        return writer.room;
      },
      add(labels, id, buckets, from, to) {
        assert(from === 0 && to === buckets.length, 'a series of roll-ups is not cut');
        writer.add(labels, id, buckets);
      },
      finish: () => writer.finish(),
    };
  },
  join(parts) {
    assert(parts.length === 1, 'buckets of one file');
    return must(parts[0], 'buckets of a series');
  },
  lengthOf: ({ length }) => length,
};
