import { labelsFrom, type Labels } from '../storage/model/labels.ts';

/** An exemplar on its way to a series. */
export interface PointExemplar {
  readonly timestampMs: number;
  readonly value: number;
  readonly labels: Labels;
}

/** OpenMetrics 1.0 allows an exemplar's labels this many characters, names and values together. */
const CHARACTERS_MAX = 128;

/** Ids first; the attributes join them only when all fit, since half of them could mislead. */
export function exemplarLabels(traceId: string, spanId: string, attributes: ReadonlyMap<string, string>): Labels {
  const ids: [string, string][] = [];
  if (traceId !== '') ids.push(['trace_id', traceId]);
  if (spanId !== '') ids.push(['span_id', spanId]);
  const all = [...attributes, ...ids];
  const characters = all.reduce((sum, [name, value]) => sum + [...name].length + [...value].length, 0);
  return labelsFrom(characters <= CHARACTERS_MAX ? all : ids);
}
