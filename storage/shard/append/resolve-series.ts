import type { LIMITS } from '../../runtime/limits.ts';
import type { RefSpace } from '../index/ref-space.ts';
import type { SeriesDefinition } from '../index/series-block.ts';
import type { SeriesRegistry } from '../index/series-registry.ts';
import { COLLISION, NO_REF } from '../index/series-table.ts';
import type { AppendAnswer } from '../shard-api.ts';
import type { AppendMessage } from './append-message.ts';
import type { BatchColumns } from './batch-columns.ts';
import { BY_ID, type RefBatch } from './ref-message.ts';

/** A series of a batch that is left out, with its samples: over the limit. */
export const REFUSED_REF = 0xffffffff;

export interface ResolvedSeries {
  readonly status: 'resolved';
  /** By position in the batch: the ref, also of series that are still to be added, or REFUSED_REF. Of the columns that were given for them. */
  readonly refs: Uint32Array;
  /** New series, in the order in which the registry is to take them. */
  readonly added: readonly SeriesDefinition[];
  readonly refusedSeries: number;
}

/** Finds the refs of the series that a batch names by ref and by id; or the answer that has to be given instead. Changes nothing. */
export function resolveRefs(batch: RefBatch, registry: SeriesRegistry, space: RefSpace, columns: BatchColumns): ResolvedSeries | AppendAnswer {
  if (!space.is(batch.space, registry.generation)) return { status: 'unknown-refs' };
  const { table, refLimit } = registry;
  const { runs } = batch;
  const refs = columns.refs(batch.seriesCount);
  const unknown: number[] = [];
  let mix = 0;
  let series = 0;
  let byId = 0;
  for (let word = 0; word < runs.length; word += 2) {
    const first = runs[word]!;
    const end = series + runs[word + 1]!;
    if (first !== BY_ID) {
      if (first + (end - series) > refLimit) return { status: 'unknown-refs' };
      mix = table.mixOf(first, end - series, mix);
      for (let ref = first; series < end; series++, ref++) refs[series] = ref;
    } else {
      for (; series < end; series++, byId++) {
        const ref = table.find(batch.idLow[byId]!, batch.idHigh[byId]!, batch.idCheck[byId]!);
        if (ref === COLLISION) return collisionAnswer();
        if (ref === NO_REF) unknown.push(series);
        refs[series] = ref;
      }
    }
  }
  if (mix !== batch.mix) return { status: 'unknown-refs' };
  if (unknown.length > 0) return { status: 'unknown-series', positions: Uint32Array.from(unknown) };
  return { status: 'resolved', refs, added: [], refusedSeries: 0 };
}

/** The refs of the series that a batch names by id, for a sender who is to name them by ref from now on; `refs` are those of all of its series. The caller's own. */
export function refsById(batch: AppendMessage | RefBatch, refs: Uint32Array): Uint32Array {
  if (!('runs' in batch)) return refs.slice();
  const { runs } = batch;
  const ofIds = new Uint32Array(batch.idLow.length);
  for (let word = 0, series = 0, byId = 0; word < runs.length; word += 2) {
    const count = runs[word + 1]!;
    if (runs[word] === BY_ID) {
      ofIds.set(refs.subarray(series, series + count), byId);
      byId += count;
    }
    series += count;
  }
  return ofIds;
}

/** Finds the refs of a batch's series; or the answer that has to be given instead. Changes nothing. */
export function resolveSeries(batch: AppendMessage, registry: SeriesRegistry, limits: Pick<typeof LIMITS, 'activeSeriesMax'>, columns: BatchColumns): ResolvedSeries | AppendAnswer {
  const { table } = registry;
  const unknown: number[] = [];
  const added: SeriesDefinition[] = [];
  const refs = columns.refs(batch.seriesCount);
  const addedPositions = new Map<string, number>();
  let refusedSeries = 0;
  for (let i = 0; i < batch.seriesCount; i++) {
    const low = batch.idLow[i]!;
    const high = batch.idHigh[i]!;
    const check = batch.idCheck[i]!;
    let ref = table.find(low, high, check);
    if (ref === COLLISION) return collisionAnswer();
    if (ref === NO_REF) {
      const labels = batch.definitions.get(i);
      if (labels === undefined) {
        unknown.push(i);
        continue;
      }
      // The same new series may come twice in one batch; ids are only taken into the table with the batch.
      const key = `${low}:${high}`;
      const earlier = addedPositions.get(key);
      if (earlier !== undefined) {
        if (added[earlier]!.check !== check) return collisionAnswer();
        ref = registry.refOfNew(earlier);
      } else if (registry.count + added.length >= limits.activeSeriesMax) {
        ref = REFUSED_REF;
        refusedSeries++;
      } else {
        const position = added.push({ low, high, check, labels }) - 1;
        addedPositions.set(key, position);
        ref = registry.refOfNew(position);
      }
    }
    refs[i] = ref;
  }
  if (unknown.length > 0) return { status: 'unknown-series', positions: Uint32Array.from(unknown) };
  return { status: 'resolved', refs, added, refusedSeries };
}

function collisionAnswer(): AppendAnswer {
  return { status: 'refused', message: 'the id of a series collides with that of another one; the series cannot be stored' };
}
