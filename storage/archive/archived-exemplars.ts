import type { ArchivedFile } from '../catalog/archive-api.ts';
import { EXEMPLARS_TABLE } from '../catalog/iceberg/exemplars-table.ts';
import { partitionDay } from '../catalog/iceberg/table-definition.ts';
import { compareLabels, labelsKey, type Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import type { ObjectStore } from '../object-store.ts';
import { VarveError } from '../runtime/errors.ts';
import { mergeExemplars, type Exemplar, type SeriesExemplars } from '../shard/select/select-exemplars.ts';
import { SelectionWork } from '../shard/select/selection-work.ts';
import { SeriesTest, type PartNames } from './archive-reading.ts';
import type { ArchiveWatch } from './archive-watch.ts';
import { ExemplarsFileReader } from './files/exemplars-file-reader.ts';
import { inTurns } from './in-turns.ts';
import type { LeaversOf } from './series-retention.ts';

export interface ArchivedExemplarsRequest {
  readonly selectors: readonly (readonly Matcher[])[];
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  readonly exemplarsMax: number;
  /** Which series are not to be seen any more, though files have them; `undefined`: all are. */
  readonly leaversOf?: LeaversOf | undefined;
}

/** Exemplars of the series that any of the selectors matches, out of some files, by series in label order, oldest first, each once. `names` are those of `exemplars`. */
export async function selectArchivedExemplars(store: ObjectStore, files: readonly ArchivedFile[], request: ArchivedExemplarsRequest, watch: ArchiveWatch, names: PartNames): Promise<SeriesExemplars[]> {
  const { selectors, startMs, endMs, exemplarsMax, leaversOf } = request;
  const work = new SelectionWork();
  const tests = selectors.map((matchers) => new SeriesTest(matchers, work));
  const wanted = files.filter((file) => file.minTimeMs <= endMs && file.maxTimeMs >= startMs && tests.some((test) => test.mayMatchFile(file)));
  const found = new Map<string, { readonly labels: Labels; exemplars: Exemplar[] }>();
  let count = 0;
  await inTurns(wanted, (file) =>
    names.reading(watch, file, async () => {
      watch.opened(file.key);
      const reader = await ExemplarsFileReader.open(store, file);
      watch.fetched(file.tailBytes);
      const hasLeft = leaversOf?.('exemplars', partitionDay(EXEMPLARS_TABLE, file.minTimeMs));
      const entries = [...reader.series()].filter((entry) => entry.minTimeMs <= endMs && entry.maxTimeMs >= startMs && tests.some((test) => test.matches(entry.labels)) && hasLeft?.(entry.labels) !== true);
      const read = await reader.read(entries, (bytes) => watch.fetched(bytes));
      entries.forEach(({ labels }, i) => {
        const inRange = read[i]!.filter(({ timestampMs }) => timestampMs >= startMs && timestampMs <= endMs);
        count += inRange.length;
        if (count > exemplarsMax) throw new VarveError('limit', `archive: more than ${exemplarsMax} exemplars match (queryExemplarsMax is ${exemplarsMax}): ask for less time or fewer series`);
        const known = found.get(labelsKey(labels));
        if (known === undefined) found.set(labelsKey(labels), { labels, exemplars: inRange });
        else known.exemplars = [...known.exemplars, ...inRange];
      });
    }),
  );
  return mergeExemplars([...found.values()].filter(({ exemplars }) => exemplars.length > 0)).sort((a, b) => compareLabels(a.labels, b.labels));
}
