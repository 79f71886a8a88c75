import { labelsFrom, type Labels } from '../../storage/model/labels.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import { runeCount } from '../exemplar-labels.ts';

/** An exemplar on its way to a series. */
export interface PointExemplar {
  readonly timestampMs: number;
  /** By which it has its place among the buckets. */
  readonly value: number;
  /** The same as it was sent: bits keep the payload of a NaN. */
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly labels: Labels;
}

/** Ids first; the attributes join them only when all fit, since half of them could mislead. */
export function otlpExemplarLabels(traceId: string, spanId: string, attributes: ReadonlyMap<string, string>, { exemplarLabelRunesMax }: Pick<typeof LIMITS, 'exemplarLabelRunesMax'>): Labels {
  const ids: [string, string][] = [];
  if (traceId !== '') ids.push(['trace_id', traceId]);
  if (spanId !== '') ids.push(['span_id', spanId]);
  const all = [...attributes, ...ids];
  const runes = all.flat().reduce((sum, text) => sum + runeCount(text, exemplarLabelRunesMax), 0);
  return labelsFrom(runes <= exemplarLabelRunesMax ? all : ids);
}
