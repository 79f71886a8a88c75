import { describe, expect, test } from 'vitest';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomCustom, randomExponential, seededRandom } from '../model/random-histogram.ts';
import { named, STALE, write, type TestBatch, type TestValue } from './batches.ts';
import { dump, dumpScan, StoreModel, type Range } from './store-model.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const ROUNDS = Number(process.env['STORE_ROUNDS'] ?? 3);

/** Small, so that batches are cut, logs seal, segments split and pages end all the time. */
const LIMITS = limitsWith({
  logEntriesMax: 200,
  batchSamplesMax: 60,
  walSlotsMax: 12,
  sealStepSamples: 40,
  segmentRowBytesTarget: 400,
  segmentFrameBytesTarget: 150,
  selectPageBytesTarget: 500,
  logPayloadBytesMax: 2000,
  seriesBlockBytesTarget: 200,
});

const histogramSeed = seededRandom(5);
const HISTOGRAMS = Array.from({ length: 8 }, (_, i) => (i % 4 === 0 ? randomCustom(histogramSeed) : randomExponential(histogramSeed)));
const VALUES: readonly TestValue[] = [0, -0, 1, 2.5, -7, NaN, Infinity, 1e300, 0.1 + 0.2, STALE];
const VALUES_OF_ALL_KINDS: readonly TestValue[] = [...VALUES, ...HISTOGRAMS];

/** Floats alone in every other batch: those take other paths. */
function randomBatch(random: SeededRandom): TestBatch {
  const values = random.oneIn(2) ? VALUES : VALUES_OF_ALL_KINDS;
  const starts = random.oneIn(3) ? [0, 7, 1000] : [0];
  return Array.from({ length: random.between(1, 8) }, () => ({
    labels: named(random.pick(['a', 'b', 'é', '\u{1f600}', 'z']), { i: String(random.below(8)), ...(random.oneIn(2) ? { A: 'x' } : {}) }),
    samples: Array.from({ length: random.between(1, 7) }, () => [random.below(40) * 10 - 100, random.oneIn(3) ? random.uint32() / 7 : random.pick(values), random.pick(starts)] as const),
  }));
}

function randomRange(random: SeededRandom): Range {
  const startMs = random.below(40) * 10 - 100;
  const matchers: Matcher[] = [];
  if (random.oneIn(2)) matchers.push({ name: '__name__', type: random.pick(['=', '!=']), value: random.pick(['a', 'é', 'none']) });
  if (random.oneIn(3)) matchers.push({ name: 'i', type: random.pick(['=~', '!~']), value: '[0-3]' });
  if (random.oneIn(4)) matchers.push({ name: 'A', type: '=', value: '' });
  return { matchers, startMs, endMs: startMs + random.below(30) * 10 };
}

test('whatever happens, the store answers like the model', { timeout: 600_000 }, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const random = new SeededRandom(SEED * 1000 + round);
    const sql = new NodeSql();
    let store = new HotStore(sql, LIMITS);
    const model = new StoreModel();
    const sent: TestBatch[] = [];
    for (let step = 0; step < 60; step++) {
      const where = `seed ${SEED}, round ${round}, step ${step}`;
      switch (random.below(8)) {
        case 0:
          store = new HotStore(new NodeSql(sql.database), LIMITS);
          break;
        case 1: {
          const before = dump(store);
          store.seal();
          expect(dump(store), where).toEqual(before);
          break;
        }
        case 2: {
          // The last request again: the one whose answer was lost.
          const again = sent.at(-1);
          if (again === undefined) break;
          const before = dump(store);
          expect(write(store, again).status, where).toBe('stored');
          expect(dump(store), where).toEqual(before);
          break;
        }
        default: {
          const batch = randomBatch(random);
          expect(write(store, batch).status, where).toBe('stored');
          model.apply(batch);
          sent.push(batch);
        }
      }
      const range = randomRange(random);
      const inRange = model.dump(range);
      expect(dump(store, range), `${where}, ${JSON.stringify(range)}`).toEqual(inRange);
      expect(dumpScan(store, range), `scan, ${where}, ${JSON.stringify(range)}`).toEqual(inRange);
    }
    expect(dump(store)).toEqual(model.dump());
    expect(dump(new HotStore(new NodeSql(sql.database), LIMITS))).toEqual(model.dump());
  }
});

describe('pages', () => {
  const batch: TestBatch = Array.from({ length: 50 }, (_, i) => ({
    labels: named(i % 2 === 0 ? 'even' : 'odd', { i: String(i) }),
    samples: Array.from({ length: (i % 5) * 3 }, (_, j) => [j * 10, i + j] as const),
  })).filter(({ samples }) => samples.length > 0);
  const model = new StoreModel();
  model.apply(batch);

  test('of any size make the whole, and each holds at least one series', () => {
    for (const bytes of [1, 100, 1000, 100_000]) {
      const store = new HotStore(new NodeSql(), limitsWith({ selectPageBytesTarget: bytes }));
      write(store, batch.slice(0, 20));
      store.seal();
      write(store, batch.slice(20));
      const pages: number[] = [];
      expect(dump(store, {}, (seriesCount) => pages.push(seriesCount))).toEqual(model.dump());
      if (bytes === 1) expect(pages).toEqual(Array.from({ length: batch.length }, () => 1));
      if (bytes === 100_000) expect(pages).toEqual([batch.length]);
    }
  });

  test('`after` continues behind labels that are not there, or are the last', () => {
    const store = new HotStore(new NodeSql());
    write(store, batch);
    const from = (after: readonly string[]): unknown => {
      const answer = store.select({ version: SHARD_RPC_VERSION, matchers: [], startMs: 0, endMs: 1000, after, samplesMax: 1000 });
      return answer.status === 'page' ? new Uint32Array(answer.page, 0, 2)[1] : answer;
    };
    expect(from([])).toBe(batch.length);
    expect(from(named('even', { i: '~' }))).toBe(batch.filter(({ labels }) => labels.includes('odd')).length);
    expect(from(named('odd', { i: '~' }))).toBe(0);
  });

  test('more samples than asked for is an error that says so', () => {
    const store = new HotStore(new NodeSql());
    write(store, batch);
    const select = (samplesMax: number): unknown => store.select({ version: SHARD_RPC_VERSION, matchers: [], startMs: 0, endMs: 1000, after: undefined, samplesMax });
    const total = batch.reduce((sum, { samples }) => sum + samples.length, 0);
    expect(select(total)).toMatchObject({ status: 'page' });
    expect(select(total - 1)).toEqual({ status: 'refused', limit: true, message: `more than ${total - 1} samples` });
  });
});
