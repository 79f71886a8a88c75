import { expect, test } from 'vitest';
import { SampleRun } from '../../../../storage/shard/run/sample-run.ts';
import { SegmentReader } from '../../../../storage/shard/segment/segment-reader.ts';

/** A row as version 2 wrote it: five series of twelve samples, one of each codec that version 2 had. */
const VERSION_2 = [
  'AgAAAKTv0cIoAAAAHQAAAAEmKLUv/SAd6QAABQEBAQEVCgWdAeoBDAoAAgICAgAAAAAADxBhCWEBEyi1L/0gClEAAICgq/75YrDqAQsBmgEotS/9IOqNBADUB4EBAwAAIiJEIgMAAI6J',
  'egkAAAAKBD8AfwD2DfsBAgYDDgEDAQegFrbje7KKoEzEPm6e5Hp3+fHhnlgqCFFmjuibj73PZjqpe6x/J1iXntutf9onpTk7d0z01dnDO1s0IxXNZ6qohsQnzVNnnlkARUACAPA/zTt/',
  'Zp6g9j8ABwDfeQJweHCoAsPg6KHcOQA5',
].join('');

const SERIES: readonly ((i: number) => number)[] = [(i) => i * 17, (i) => i * 1_000_003 + ((i * 7919) % 5), (i) => Math.sqrt(i + 2), () => 42, (i) => Math.sqrt(i % 3)];

test('a row of version 2 is read as what it is', () => {
  const reader = new SegmentReader(new Uint8Array(Buffer.from(VERSION_2, 'base64')).buffer, 'segment 1');
  expect([...reader.refs]).toEqual([0, 1, 2, 3, 4]);
  SERIES.forEach((valueAt, position) => {
    const wanted = Float64Array.from({ length: 12 }, (_, i) => valueAt(i));
    const wantedBits = new Uint32Array(wanted.buffer);
    // The fourth sample of the first series is a stale marker.
    if (position === 0) wantedBits.set([2, 0x7ff00000], 6);
    const run = new SampleRun();
    reader.append(position, -Infinity, run);
    expect(run.length).toBe(12);
    expect(run.bits.subarray(0, 24)).toEqual(wantedBits);
    expect([...run.timestampsMs.subarray(0, 12)]).toEqual(Array.from({ length: 12 }, (_, i) => 1_700_000_000_000 + i * 15_000));
  });
});
