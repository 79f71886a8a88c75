import { expect, test } from 'vitest';
import type { SeriesEntry } from '../../../../storage/archive/files/series-directory.ts';
import type { SeriesPlace } from '../../../../storage/archive/rewrite/merge-series.ts';
import { readPieces } from '../../../../storage/archive/rewrite/series-pieces.ts';
import { mergeParts } from '../../../../storage/shard/run/piece.ts';
import { floatSource, type RunSource } from '../../../../storage/shard/run/sample-run.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

/** A place with these samples, which are read in parts alone. */
function placeOf(samples: RunSource): SeriesPlace<RunSource> {
  const { timestampsMs } = samples;
  const entry: SeriesEntry = { labels: ['__name__', 'm'], firstRow: 0, rowCount: timestampsMs.length, minTimeMs: timestampsMs[0]!, maxTimeMs: timestampsMs.at(-1)!, hasStarts: false, hasHistograms: false };
  return { entry, reader: { rowCount: entry.rowCount, series: () => [entry], bytesOf: ({ rowCount }) => rowCount * 16, read: () => expect.fail('all at once') } };
}

/** Rising times from `fromMs` on, with gaps up to `gapMs`; the values say which source they are of. */
function source(random: SeededRandom, index: number, fromMs: number, length: number, gapMs: number): RunSource {
  let timeMs = fromMs;
  const timestampsMs = Float64Array.from({ length }, () => (timeMs += 1 + random.below(gapMs)));
  return floatSource(timestampsMs, new Uint32Array(Float64Array.from({ length }, (_, i) => index * 1e6 + i).buffer));
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('are the samples of all places, each once, and no more than the limits allow: seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  for (let turn = 0; turn < 60; turn++) {
    const sources = Array.from({ length: 1 + random.below(6) }, (_, i) => source(random, i, random.below(turn % 2 === 0 ? 50 : 1000), 1 + random.below(120), 1 + random.below(6)));
    const places = sources.map(placeOf);
    const limits = { archiveMergeRowsTarget: 6 + random.below(40), archiveMergeBytesTarget: random.oneIn(2) ? 16 * 20 : 1e6 };
    const held = new Map<SeriesPlace<RunSource>, number>();
    const read = async (place: SeriesPlace<RunSource>, from: number, to: number): Promise<RunSource> => {
      const { timestampsMs, bits } = sources[places.indexOf(place)]!;
      expect(to).toBeGreaterThan(from);
      held.set(place, to - from);
      expect([...held.values()].reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(Math.min(limits.archiveMergeRowsTarget, limits.archiveMergeBytesTarget / 16));
      return floatSource(timestampsMs.slice(from, to), bits.slice(from * 2, to * 2));
    };
    const lines: string[] = [];
    for await (const { timestampsMs, bits } of readPieces(places, limits, read)) timestampsMs.forEach((timeMs, i) => lines.push(`${timeMs} ${new Float64Array(bits.slice(i * 2, i * 2 + 2).buffer)[0]}`));
    const whole = mergeParts(sources.map((each) => ({ ...each, from: 0, to: each.timestampsMs.length, hasStale: false })));
    const want = Array.from({ length: whole.to }, (_, i) => `${whole.timestampsMs[i]} ${new Float64Array(whole.bits.buffer)[i]}`);
    expect(lines, `turn ${turn}`).toEqual(want);
  }
});

test('of no places there are none', async () => {
  const read = (): Promise<RunSource> => expect.fail('read');
  for await (const _ of readPieces([], { archiveMergeRowsTarget: 1, archiveMergeBytesTarget: 1 }, read)) expect.fail('a piece');
});
