import type { LIMITS } from '../runtime/limits.ts';
import type { AppendMessage } from './append-message.ts';
import type { SeriesDefinition } from './series-block.ts';
import type { SeriesRegistry } from './series-registry.ts';
import { COLLISION, NO_REF } from './series-table.ts';
import type { AppendAnswer } from './shard-api.ts';

/** A series of a batch that is left out, with its samples: over the limit. */
export const REFUSED_REF = 0xffffffff;

export interface ResolvedSeries {
  readonly status: 'resolved';
  /** By position in the batch: the ref, also of series that are still to be added, or REFUSED_REF. */
  readonly refs: Uint32Array;
  /** New series, in the order in which the registry is to take them. */
  readonly added: readonly SeriesDefinition[];
  readonly refusedSeries: number;
}

/** The series of a list that the shard has. */
export function ofList(refs: Uint32Array): ResolvedSeries {
  return { status: 'resolved', refs, added: [], refusedSeries: 0 };
}

/** Finds the refs of a batch's series; or the answer that has to be given instead. Changes nothing. */
export function resolveSeries(batch: AppendMessage, registry: SeriesRegistry, limits: Pick<typeof LIMITS, 'activeSeriesMax'>): ResolvedSeries | AppendAnswer {
  const { table } = registry;
  const unknown: number[] = [];
  const added: SeriesDefinition[] = [];
  const refs = new Uint32Array(batch.seriesCount);
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
      // The same new series may come twice in one batch; ids are only taken into the table behind the commit point.
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
