import { expect, test } from 'vitest';
import { SeenMetadata } from '../../../ingest/remote-write/seen-metadata.ts';

type Metadata = readonly [name: number, type: number, help: number, unit: number];

test('what was added has been seen until all is forgotten, and nothing else has', () => {
  const seen = new SeenMetadata();
  const metadata: Metadata = [7, 2, 30, 4];
  expect(seen.has(...metadata)).toBe(false);
  seen.add(...metadata);
  expect(seen.has(...metadata)).toBe(true);
  // Of so many some have the same place.
  const [name, type, help, unit] = metadata;
  for (let more = 1; more < 50_000; more++) {
    if (seen.has(name + more, type, help, unit) || seen.has(name, type + more, help, unit) || seen.has(name, type, help + more, unit) || seen.has(name, type, help, unit + more)) throw new Error(`${more} more`);
  }
  seen.clear();
  expect(seen.has(...metadata)).toBe(false);
});

test('of a few thousand most are remembered', () => {
  const seen = new SeenMetadata();
  const all = Array.from({ length: 2000 }, (_, i): Metadata => [1 + i * 3, 1 + (i % 7), 2 + i * 3, 3]);
  for (const metadata of all) seen.add(...metadata);
  expect(all.filter((metadata) => seen.has(...metadata)).length).toBeGreaterThan(1600);
});
