import type { RawSeries } from '../../promql/series-source.ts';
import { orMissed, type ArchiveWatch } from '../../storage/archive/archive-watch.ts';
import type { ArchivedSeries, ArchivePlan, ArchiveSelect } from '../../storage/archive/tenant-archive.ts';
import { decodeHistogram } from '../../storage/chunk/index.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { compareLabels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../storage/model/sample.ts';
import type { ArchiveTier } from '../../storage/shard-router.ts';
import { payloadOf } from '../../storage/shard/run/payloads.ts';
import { WHOLE_ARCHIVE } from './archived-labels.ts';
import { bySeries, mergeSorted } from './merge-series-sets.ts';

/** What is asked of a shard in place of what the request says. */
export interface HotRange {
  readonly startMs: number;
  /** It must have all since then, or it refuses. */
  readonly completeFromMs?: number;
  readonly endMs?: number;
  readonly matchers?: readonly Matcher[];
}

/** Asks a shard that is live for its samples from a time on. */
export type HotSelect = (shard: number, range: HotRange) => AsyncIterable<RawSeries>;

/** Which part of a query's range a shard answers, and which files answer the rest. Pure: see `planTiers`. */
export interface ShardTiers {
  readonly shard: string;
  /** The live shard to ask, and from when on; `undefined` when all of the range is in files. */
  readonly hot: { readonly number: number; readonly startMs: number } | undefined;
  /** Files answer up to this, inclusive. */
  readonly coldEndMs: number;
}

/**
 * Cuts a range, shard by shard, where its files end, the shards of earlier maps before those of later ones. `live` are the numbers of the shards
 * that may have samples which are not in files: of others there are files alone.
 */
export function planTiers(plan: ArchivePlan, live: ReadonlyMap<string, number>, startMs: number, endMs: number): ShardTiers[] {
  return byEpoch([...live.keys(), ...plan.files.keys()]).map((shard) => tiersOf(shard, plan.archivedUntilMs, live, startMs, endMs));
}

/** Names of shards (`epoch/number`), each once, those of earlier maps first. */
export function byEpoch(names: readonly string[]): string[] {
  return [...new Set(names)].sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
}

export function tiersOf(shard: string, archivedUntilMs: ReadonlyMap<string, number>, live: ReadonlyMap<string, number>, startMs: number, endMs: number): ShardTiers {
  const untilMs = archivedUntilMs.get(shard) ?? -Infinity;
  const number = live.get(shard);
  const hotStartMs = Math.max(startMs, untilMs);
  return { shard, hot: number === undefined || hotStartMs > endMs ? undefined : { number, startMs: hotStartMs }, coldEndMs: Math.min(endMs, untilMs - 1) };
}

/** Series of both tiers, in label order. A series lives on one shard of a map, so its samples in files come before those of its shard. */
export async function* selectTiers({ files: archive, live }: ArchiveTier, request: ArchiveSelect, hot: HotSelect, watch: ArchiveWatch): AsyncGenerator<RawSeries> {
  const { startMs, endMs } = request;
  const plan = await orMissed(watch, WHOLE_ARCHIVE, () => archive.plan(startMs, endMs));
  const streams: AsyncIterable<RawSeries>[] = [];
  // Without a plan nobody knows what shards may have dropped: they answer with what they have.
  if (plan === undefined) streams.push(...[...live.values()].map((shard) => hot(shard, { startMs })));
  else {
    for (const tiers of planTiers(plan, live, startMs, endMs)) {
      const files = plan.files.get(tiers.shard) ?? [];
      if (files.length > 0 && tiers.coldEndMs >= startMs) streams.push(rawSeriesOf(archive.select(files, { ...request, endMs: tiers.coldEndMs }, watch)));
      if (tiers.hot !== undefined) streams.push(hot(tiers.hot.number, { startMs: tiers.hot.startMs, completeFromMs: tiers.hot.startMs }));
    }
  }
  yield* joinedSeries(streams);
}

/** Streams in label order as one, what they have of the same series as one series: see joinSeries, whose order is that of the streams. */
export async function* joinedSeries(streams: readonly AsyncIterable<RawSeries>[]): AsyncGenerator<RawSeries> {
  for await (const pieces of bySeries(mergeSorted(streams, (a, b) => compareLabels(a.labels, b.labels)))) yield joinSeries(pieces);
}

/** As PromQL wants them. */
export async function* rawSeriesOf(series: AsyncIterable<ArchivedSeries>): AsyncGenerator<RawSeries> {
  for await (const { labels, part } of series) yield rawSeries(labels, part);
}

function rawSeries(labels: RawSeries['labels'], { timestampsMs, bits, payloads, startsMs, from, to }: ArchivedSeries['part']): RawSeries {
  const length = to - from;
  const own = bits.slice(from * 2, to * 2);
  let isStale: Uint8Array | undefined;
  let histograms: (FloatHistogram | undefined)[] | undefined;
  for (let i = 0; i < length; i++) {
    const payload = payloadOf(own, i, payloads);
    if (payload !== undefined) {
      (histograms ??= new Array<FloatHistogram | undefined>(length).fill(undefined))[i] = decodeHistogram(payload);
      own[i * 2] = own[i * 2 + 1] = 0;
    } else if (own[i * 2 + 1] === STALE_BITS_HIGH && own[i * 2] === STALE_BITS_LOW) (isStale ??= new Uint8Array(length))[i] = 1;
  }
  return { labels, timestampsMs: timestampsMs.slice(from, to), values: new Float64Array(own.buffer), isStale, histograms, startTimestampsMs: startsMs?.slice(from, to) };
}

/** Pieces of one series as one, in the order of time. Where shards of two maps have samples of the same time, the later piece's counts. */
export function joinSeries(pieces: readonly RawSeries[]): RawSeries {
  if (pieces.length === 1) return pieces[0]!;
  const sorted = [...pieces].sort((a, b) => a.timestampsMs[0]! - b.timestampsMs[0]!);
  const isInOrder = sorted.every((piece, i) => i === 0 || piece.timestampsMs[0]! > sorted[i - 1]!.timestampsMs.at(-1)!);
  return isInOrder ? concatenated(sorted) : inOrder(concatenated(pieces));
}

function concatenated(pieces: readonly RawSeries[]): RawSeries {
  const length = pieces.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
  const timestampsMs = new Float64Array(length);
  // Copied whole, which keeps the bits of NaN as they are.
  const values = new Float64Array(length);
  const isStale = pieces.some((piece) => piece.isStale !== undefined) ? new Uint8Array(length) : undefined;
  const histograms = pieces.some((piece) => piece.histograms !== undefined) ? new Array<FloatHistogram | undefined>(length).fill(undefined) : undefined;
  const startTimestampsMs = pieces.some((piece) => piece.startTimestampsMs !== undefined) ? new Float64Array(length) : undefined;
  let at = 0;
  for (const piece of pieces) {
    timestampsMs.set(piece.timestampsMs, at);
    values.set(piece.values, at);
    isStale?.set(piece.isStale ?? [], at);
    startTimestampsMs?.set(piece.startTimestampsMs ?? [], at);
    for (const [i, histogram] of piece.histograms?.entries() ?? []) histograms![at + i] = histogram;
    at += piece.timestampsMs.length;
  }
  return { labels: pieces[0]!.labels, timestampsMs, values, isStale, histograms, startTimestampsMs };
}

/** The samples sorted by time, of those with the same time the last. */
function inOrder({ labels, timestampsMs, values, isStale, histograms, startTimestampsMs }: RawSeries): RawSeries {
  const order = [...timestampsMs.keys()].sort((a, b) => timestampsMs[a]! - timestampsMs[b]! || a - b);
  const kept = order.filter((at, i) => i === order.length - 1 || timestampsMs[order[i + 1]!] !== timestampsMs[at]);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const keptBits = new Uint32Array(kept.length * 2);
  kept.forEach((at, i) => {
    keptBits[i * 2] = bits[at * 2]!;
    keptBits[i * 2 + 1] = bits[at * 2 + 1]!;
  });
  return {
    labels,
    timestampsMs: Float64Array.from(kept.map((at) => timestampsMs[at]!)),
    values: new Float64Array(keptBits.buffer),
    isStale: isStale && Uint8Array.from(kept.map((at) => isStale[at]!)),
    histograms: histograms && kept.map((at) => histograms[at]),
    startTimestampsMs: startTimestampsMs && Float64Array.from(kept.map((at) => startTimestampsMs[at]!)),
  };
}
