import type { LabelsQuery } from '../../query/source/label-fan-out.ts';
import type { ReadReport } from '../../query/source/read-report.ts';
import { SeriesMerge } from '../../query/source/series-fan-out.ts';
import { ByteText } from '../../query/text/byte-text.ts';
import { systemClock } from '../../storage/runtime/clock.ts';
import type { TenantShards } from '../../storage/shard-router.ts';

/** The whole answer of a merge, read in pieces of some bytes. */
export async function mergedSeries(shards: TenantShards, query: LabelsQuery, report: ReadReport, bytesTarget = 50): Promise<{ readonly json: string; readonly isTruncated: boolean }> {
  const merge = await SeriesMerge.open(shards, query, systemClock, report);
  const text = new ByteText();
  let json = '';
  for (let isOpen = true; isOpen; ) {
    text.clear();
    isOpen = await merge.write(text, bytesTarget);
    json += new TextDecoder().decode(text.written());
  }
  return { json, isTruncated: merge.isTruncated };
}
