import { expect, test } from 'vitest';
import { MetadataSink } from '../../ingest/metadata-sink.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { familyOfSeries } from '../../storage/model/metadata.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { ShardRouter, type TenantShards } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { liveBytes } from '../fakes/live-bytes.ts';
import { MemoryShards } from '../fakes/memory-shards.ts';

const HOUR_MS = 3_600_000;

class Stack {
  readonly objects = new MemoryShards();
  readonly clock = new FixedClock(1_700_000_000_000);
  readonly counters = new Counters();
  readonly router = new ShardRouter(this.objects, 1, new FixedClock(0));
  readonly sink: MetadataSink;

  constructor(changes: Parameters<typeof limitsWith>[0] = {}) {
    this.sink = new MetadataSink(limitsWith(changes), this.clock, this.counters);
  }

  async note(...entries: MetadataEntry[]): Promise<void> {
    this.objects.nowMs = this.clock.nowMs();
    await this.sink.note(await this.tenant(), entries);
  }

  tenant(name = 'default'): Promise<TenantShards> {
    return this.router.tenant(name);
  }

  async stored(tenant = 'default'): Promise<MetadataEntry[]> {
    const answer = await (await this.tenant(tenant)).catalog((catalog) => catalog.metadata({ version: 1, metric: undefined, after: '', metricsMax: Infinity, perMetricMax: Infinity }));
    return [...answer.entries];
  }

  get calls(): number {
    return this.objects.callsOf('noteMetadata');
  }

  count(name: string): number {
    return this.counters.samples().find((sample) => sample.name === name)?.value ?? 0;
  }
}

function entry(metric: string, help = 'h', unit = ''): MetadataEntry {
  return { metric, type: 'gauge', help, unit };
}

test('what is known of short entries and of long ones takes what the limit says', async () => {
  for (const help of ['', 'What it counts, in a sentence of the usual length, and then some more.']) {
    const sink = new MetadataSink(LIMITS, new FixedClock(0), new Counters());
    const catalog = async () => ({ replaced: 0 }) as never;
    const before = liveBytes();
    await sink.note({ tenant: 'a', catalog } as unknown as TenantShards, Array.from({ length: 100_000 }, (_, i) => entry(`m${i}`, help)));
    const bytes = liveBytes() - before;
    expect(bytes).toBeGreaterThan(LIMITS.metadataCacheBytesMax / 2);
    expect(bytes).toBeLessThan(LIMITS.metadataCacheBytesMax * 1.5);
    // It is needed until here.
    await sink.note({ tenant: 'a', catalog } as unknown as TenantShards, []);
  }
});

test('what is new goes to the catalog once, what is known nowhere until it needs renewing', async () => {
  const stack = new Stack();
  await stack.note(entry('a'), entry('b'), entry('a'));
  await stack.note(entry('a'), entry('b'));
  expect(stack.calls).toBe(1);
  await stack.note(entry('a', 'other'));
  expect(stack.calls).toBe(2);
  expect(await stack.stored()).toEqual(expect.arrayContaining([entry('a'), entry('a', 'other'), entry('b')]));
  stack.clock.advance(12 * HOUR_MS);
  await stack.note(entry('a'));
  await stack.note(entry('a'));
  expect(stack.calls).toBe(3);
  expect(stack.count('varve_ingest_metadata_stored_total')).toBe(4);
});

test('tenants do not share what is known', async () => {
  const stack = new Stack();
  await stack.note(entry('a'));
  await stack.sink.note(await stack.tenant('other'), [entry('a')]);
  expect(await stack.stored('other')).toEqual([entry('a')]);
});

test('what cannot be kept is counted, a long help text is cut at a whole character', async () => {
  const stack = new Stack({ metadataHelpBytesMax: 20 });
  await stack.note(entry(''), entry('x'.repeat(3000)), entry('u', 'h', 'y'.repeat(300)), entry('long', 'é'.repeat(20)), entry('fits', 'x'.repeat(20)));
  expect(await stack.stored()).toEqual([entry('fits', 'x'.repeat(20)), entry('long', `${'é'.repeat(8)}…`)]);
  expect(stack.count('varve_ingest_metadata_refused_total')).toBe(3);
});

test('a catalog that is away fails the note, and the next one stores everything', async () => {
  const stack = new Stack();
  const shards = await stack.tenant();
  const away: TenantShards = { ...shards, catalog: () => Promise.reject(new Error('away')) };
  await expect(stack.sink.note(away, [entry('a')])).rejects.toThrow('away');
  await stack.note(entry('a'));
  expect(await stack.stored()).toEqual([entry('a')]);
});

test('very much is sent in several calls', async () => {
  const stack = new Stack({ metadataPageCharactersTarget: 500 });
  await stack.note(...Array.from({ length: 100 }, (_, i) => entry(`metric_${i}`)));
  expect(await stack.stored()).toHaveLength(100);
  expect(stack.calls).toBeGreaterThan(3);
});

test('the family of a series', () => {
  expect(familyOfSeries('x_bucket', 'histogram')).toBe('x');
  expect(familyOfSeries('x_sum', 'summary')).toBe('x');
  expect(familyOfSeries('x_gcount', 'gaugehistogram')).toBe('x');
  expect(familyOfSeries('x_total', 'counter')).toBe('x_total');
  expect(familyOfSeries('x_count', 'gauge')).toBe('x_count');
  expect(familyOfSeries('_bucket', 'histogram')).toBe('_bucket');
});
