import { formatLabels } from '../../storage/model/labels.ts';
import { readSelectPage } from '../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import type { MemoryShards } from './memory-shards.ts';

/** The values of everything in all shards as they are stored, bit for bit: a text per series, `name{…} 7ff8000000000001 …`, sorted. */
export function storedBits(shards: MemoryShards): string[] {
  const rows = shards.shardNames.flatMap((name) => {
    const answer = shards.storeOf(name).select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after: undefined, samplesMax: 1e7 });
    if (answer.status !== 'page' || answer.more) throw new Error('one page expected');
    return [...readSelectPage(answer.page)].map(({ labels, values }) => `${formatLabels(labels)} ${[...new BigUint64Array(values.buffer, values.byteOffset, values.length)].map((bits) => bits.toString(16).padStart(16, '0')).join(' ')}`);
  });
  return rows.sort();
}
