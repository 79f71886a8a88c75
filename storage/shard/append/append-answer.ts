import { counted } from '../../runtime/counted.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { StoredExemplar } from '../exemplars.ts';
import type { AppendAnswer, AppendRefusal } from '../shard-api.ts';
import type { AppendMessage, BatchSamples } from './append-message.ts';
import { REFUSED_REF } from './resolve-series.ts';
import { refusedOf, type TakenBatch } from './taken-samples.ts';

/** Why parts of a batch were left out. */
export interface RefusalReasons {
  readonly outcome: TakenBatch;
  readonly refusedSeries: number;
  /** With the batch's. */
  readonly seriesCount: number;
  readonly floorMs: number;
}

/** For a sender of OTLP, who alone sends differences. */
const HOW_TO_TELL_EMITTERS = 'scopes are told apart by VARVE_OTLP_PROMOTE_SCOPE_METADATA, senders by a service.instance.id each';

/** The answer to a batch that has been taken, but for what the reasons name. */
export function storedAnswer(batch: BatchSamples, exemplarsStored: number, reasons: RefusalReasons, limits: Pick<typeof LIMITS, 'activeSeriesMax'>): AppendAnswer {
  const { refusedSeries } = reasons.outcome;
  const refused = refusedOf(reasons.outcome);
  return {
    status: 'stored',
    samplesStored: batch.sampleCount - batch.payloads.length - (refused.samples - refused.histograms),
    histogramsStored: batch.payloads.length - refused.histograms,
    exemplarsStored,
    refusals: refusalsOf(reasons, limits),
    ...(refusedSeries.length === 0 ? {} : { refusedSeries: Uint32Array.from(refusedSeries) }),
  };
}

/** The answer to a message for which there is no room beside `waitingBytes` of others. */
export function busyAnswer(waitingBytes: number, { groupCommitBytesMax }: Pick<typeof LIMITS, 'groupCommitBytesMax'>): AppendAnswer {
  return { status: 'busy', message: `${waitingBytes} bytes of batches wait for their commit, the limit groupCommitBytesMax is ${groupCommitBytesMax}` };
}

function refusalsOf({ outcome, refusedSeries, seriesCount, floorMs }: RefusalReasons, { activeSeriesMax }: Pick<typeof LIMITS, 'activeSeriesMax'>): AppendRefusal[] {
  const { refusedWithSeries, refusedByAge, refusedByOrder, refusedAsOther } = outcome;
  const refusals: AppendRefusal[] = [];
  if (refusedSeries > 0) {
    const message = `${refusedSeries} new series refused: the shard holds ${seriesCount} series, the limit activeSeriesMax is ${activeSeriesMax}`;
    refusals.push({ kind: 'limit', ...refusedWithSeries, message });
  }
  if (refusedByAge.samples > 0) {
    refusals.push({ kind: 'bad-data', ...refusedByAge, message: `${counted(refusedByAge.samples, 'sample')} older than ${floorMs} ms, before which everything was pruned` });
  }
  if (refusedByOrder.samples > 0) {
    const message = `${counted(refusedByOrder.samples, 'delta sample')} behind newer ones of the same series can no longer be added up`;
    refusals.push({ kind: 'bad-data', ...refusedByOrder, message });
  }
  if (refusedAsOther.samples > 0) {
    const message = `${counted(refusedAsOther.samples, 'delta sample')} of a series and millisecond of which the request has another before, which counts: ${HOW_TO_TELL_EMITTERS}`;
    refusals.push({ kind: 'bad-data', ...refusedAsOther, message });
  }
  return refusals;
}

/** A batch's exemplars, without those of series that were refused. */
export function exemplarsToStore({ exemplars, idLow, idHigh, idCheck }: AppendMessage, refs: Uint32Array): StoredExemplar[] {
  const kept = exemplars.filter(({ series }) => refs[series] !== REFUSED_REF);
  return kept.map((exemplar) => ({ ...exemplar, idLow: idLow[exemplar.series]!, idHigh: idHigh[exemplar.series]!, idCheck: idCheck[exemplar.series]! }));
}
