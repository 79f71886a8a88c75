import { expect, test } from 'vitest';
import { wholeMessage } from '../../ingest/outgoing-message.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { decodeAppendMessage } from '../../storage/shard/append/append-message.ts';
import { encodeRefMessage } from '../../storage/shard/append/ref-message.ts';

const SERIES = 10_000;

test('made whole, a message has the ids that its series’ labels hash to, and its samples', () => {
  const hasher = new SeriesHasher(new Uint8Array(16).fill(7));
  // The batch's series come from anywhere in the request.
  const sources = Uint32Array.from({ length: SERIES }, (_, i) => (i * 7919) % 30_011);
  const labelsOf = (source: number): Labels => ['__name__', `m${source}`];
  const timestampsMs = Float64Array.from({ length: SERIES }, (_, i) => 1_000 + (i >> 10));
  const valueBits = Uint32Array.from({ length: SERIES * 2 }, (_, i) => i);
  const none = new Uint32Array(SERIES);
  const batch = { sampleCount: SERIES, idLow: none, idHigh: none, idCheck: none, timestampsMs, valueBits };
  const byRef = encodeRefMessage({ space: new Uint32Array(3), runs: Uint32Array.of(5, SERIES), mix: 0 }, batch);
  const asked: number[] = [];
  const whole = decodeAppendMessage(
    wholeMessage(byRef, hasher, sources, (sources, take) => {
      asked.push(sources.length);
      for (let i = 0; i < sources.length; i++) take(labelsOf(sources[i]!), i);
    }),
  );
  const ids = [...sources].map((source) => {
    hasher.hashLabels(labelsOf(source));
    return [...hasher.words].join();
  });
  expect([...sources.keys()].map((i) => [whole.idLow[i], whole.idHigh[i], whole.idCheck[i]].join())).toEqual(ids);
  expect([whole.timestampsMs, whole.valueBits, whole.sampleCount]).toEqual([timestampsMs, valueBits, SERIES]);
  // Each time the body is decoded.
  expect(asked).toEqual([SERIES]);
});
