import { expect, test } from 'vitest';
import { snapshotsSinceMs, type DatedAhead } from '../../../../storage/catalog/iceberg/snapshot-ages.ts';
import type { Snapshot } from '../../../../storage/catalog/iceberg/table-metadata.ts';

const NOW_MS = 1000;

test('since when snapshots have been there, by their dates or by a note of those that are ahead', () => {
  const f = (datesMs: readonly number[], noted: DatedAhead | undefined, sinceMs: readonly (number | undefined)[]): void => {
    const snapshots = datesMs.map((dateMs, i): Snapshot => ({ 'snapshot-id': i + 1, 'sequence-number': i + 1, 'timestamp-ms': dateMs, 'manifest-list': '', summary: { operation: 'append' }, 'schema-id': 0 }));
    expect(snapshotsSinceMs(snapshots, noted, NOW_MS)).toEqual(sinceMs);
  };
  f([], undefined, []);
  f([1, 1000], undefined, [1, 1000]);
  f([1, 1001, 1002], undefined, [1, undefined, undefined]);
  f([1, 1001, 1002], { sinceMs: 900, throughId: 2 }, [1, 900, undefined]);
  f([1001, 1002, 1003], { sinceMs: 900, throughId: 3 }, [900, 900, 900]);
  // A note of one that has left, or of a table that began anew, says nothing; nor one by a clock that has been set back again.
  f([1001, 1002], { sinceMs: 900, throughId: 7 }, [undefined, undefined]);
  f([1001, 1002], { sinceMs: 1001, throughId: 2 }, [undefined, undefined]);
  f([1001, 1002], { sinceMs: 1000, throughId: 2 }, [1000, 1000]);
});
