import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { disagreement } from './instant-agreement.ts';
import { RandomQuery } from './random-query.ts';
import { load } from './script-load.ts';
import { parseScript } from './script-syntax.ts';

const DATA = `load 20s
  a_total{x="1", y="1"} 0+3x8 5+2x8
  a_total{x="1", y="2"} 4 stale _ 9 9 NaN 3 Inf -Inf 7x5
  a_total{x="2", y="1"} _ _ _ 1 -1 0 2 8 _ _ 3
  b{x="1"} 1 _ 3 _ 5 _ 7 _ 9
  b{x="2"} 2 2 2 2 2 2 2 2 2 2 2
  h{x="1"} {{schema:1 count:6 sum:9 z_bucket:1 z_bucket_w:0.01 buckets:[1 2 2]}}+{{schema:1 count:3 sum:4 buckets:[1 2]}}x8
  h{x="2"} {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 1 1]}}x4 5 stale {{schema:-53 count:3 sum:4 custom_values:[1 3] buckets:[1 1 1]}}x4
  c_bucket{le="1", x="1"} 0+1x12
  c_bucket{le="2", x="1"} 0+2x12
  c_bucket{le="+Inf", x="1"} 0+3x12
`;

/** Random queries over awkward data: only clients' errors, and every step of a range query is what an instant query gives there. */
test('random queries agree with themselves', { timeout: 60_000 }, async () => {
  const source = new MemorySeriesSource();
  for (const command of parseScript(DATA)) if (command.kind === 'load') load(source, command);
  const engines = [new Engine({ source }), new Engine({ source, delayedNameRemoval: false })];
  const seed = Number(process.env['FUZZ_SEED'] ?? 1);
  const count = Number(process.env['FUZZ_COUNT'] ?? 1500);
  const random = new RandomQuery(seed);
  for (let i = 0; i < count; i++) {
    const query = random.next();
    const found = await disagreement(engines[i % 2]!, query, { startMs: 30_000, endMs: 230_000, stepMs: 50_000 });
    expect(found && `${query}: ${found}`).toBeUndefined();
  }
  expect(source.openReads).toBe(0);
});
