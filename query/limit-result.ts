import type { QueryResult } from '../promql/query-result.ts';
import { TRUNCATED } from './respond.ts';

/** At most `limit` series of a vector or a matrix, and a warning when there were more; 0 means no limit. */
export function limitResult(result: QueryResult, limit: number): QueryResult {
  const { value, annotations } = result;
  const warned = { ...annotations, warnings: [...annotations.warnings, TRUNCATED] };
  if (limit === 0) return result;
  if (value.kind === 'vector' && value.samples.length > limit) {
    return { ...result, value: { ...value, samples: value.samples.slice(0, limit) }, annotations: warned };
  }
  if (value.kind === 'matrix' && value.series.length > limit) {
    return { ...result, value: { ...value, series: value.series.slice(0, limit) }, annotations: warned };
  }
  return result;
}
