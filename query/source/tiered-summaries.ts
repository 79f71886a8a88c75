import type { RawSeries, SummaryPart, WindowHint } from '../../promql/series-source.ts';
import { tooManySamples } from '../../storage/archive/archive-reading.ts';
import { orMissed } from '../../storage/archive/archive-watch.ts';
import type { ArchivePlan, ArchiveSelect } from '../../storage/archive/tenant-archive.ts';
import type { ArchivedFile } from '../../storage/catalog/archive-api.ts';
import { compareLabels, type Labels } from '../../storage/model/labels.ts';
import { isMissingPart } from '../../storage/runtime/errors.ts';
import type { ArchiveTier } from '../../storage/shard-router.ts';
import type { BucketColumns } from '../../storage/warm/bucket-columns.ts';
import { withWarmPlan, type WarmArchive, type WarmPlan, type WarmSeries } from '../../storage/warm/warm-archive.ts';
import { WHOLE_ARCHIVE } from './archived-labels.ts';
import { bySeries, mergeSorted } from './merge-series-sets.ts';
import type { TiersWatch } from './read-report.ts';
import { cutRange, rollupCandidates, unionOf, type RollupCandidate, type ShardCut } from './rollup-choice.ts';
import { SeriesFromSamples } from './series-from-samples.ts';
import { bucketPartsOf, SummaryBuilder } from './summary-builder.ts';
import { byEpoch, joinSeries, rawSeriesOf, selectTiers, tiersOf, type HotSelect } from './tiered-select.ts';

/** Lists of the archive's files that one select asks for at the most, where days without roll-ups lie between others. */
const RAW_RANGES_MAX = 8;

/** A request whose samples are for figures of windows alone. */
export interface SummarySelect extends ArchiveSelect {
  readonly windows: readonly WindowHint[];
  /** The coarsest roll-ups that the caller takes where the answer is not the same as from samples; `undefined` for none. */
  readonly maxSourceResolutionMs: number | undefined;
}

/** What one tier has of a series: buckets, or samples. */
interface Piece {
  readonly labels: Labels;
  readonly shard: string;
  readonly samples: RawSeries | undefined;
  readonly warm: (WarmSeries & { readonly candidate: RollupCandidate }) | undefined;
}

/** What is read, once it is known which roll-ups there are. */
interface SummaryPlan {
  readonly cuts: readonly ShardCut[];
  /** By the table's name. */
  readonly files: ReadonlyMap<string, readonly ArchivedFile[]>;
  readonly archivedUntilMs: WarmPlan['archivedUntilMs'];
}

/**
 * Series of all tiers, in label order: from roll-ups where there are some that may answer, from samples elsewhere. `undefined` when roll-ups
 * can do nothing for the request.
 */
export async function selectSummaries(tier: ArchiveTier, request: SummarySelect, hot: HotSelect, watch: TiersWatch): Promise<AsyncIterable<RawSeries> | undefined> {
  const { warm } = tier;
  const candidates = rollupCandidates(request.windows, request.maxSourceResolutionMs);
  if (warm === undefined || candidates.length === 0) return undefined;
  const parts = new Set(request.windows.flatMap((window) => window.parts));
  const plan = await planSummaries(warm, [...tier.live.keys()], candidates, request, parts).catch((error: unknown) => {
    // Samples say the same, or that they are away too.
    if (isMissingPart(error)) return undefined;
    throw error;
  });
  if (plan === undefined || plan.cuts.every(({ rollups }) => rollups.length === 0)) return undefined;
  for (const { candidate } of plan.cuts.flatMap(({ rollups }) => rollups)) watch.rolledUp(candidate.resolution, candidate.isExact);
  return read(tier, warm, request, { plan, parts, hot, watch });
}

async function planSummaries(warm: WarmArchive, live: readonly string[], candidates: readonly RollupCandidate[], request: SummarySelect, parts: ReadonlySet<SummaryPart>): Promise<SummaryPlan> {
  const { matchers, startMs, endMs } = request;
  const selector = [...matchers, ...warm.matchers];
  return withWarmPlan(warm, { startMs, endMs, selector }, async (plan): Promise<SummaryPlan | undefined> => {
    const names = byEpoch([...live, ...plan.days.map(({ shard }) => shard), ...plan.archivedUntilMs.keys()]);
    const cuts = names.map((shard) => cutRange(shard, candidates, plan.days, { selector, parts, startMs, endMs }));
    const files = new Map<string, readonly ArchivedFile[]>();
    for (const { candidate } of cuts.flatMap(({ rollups }) => rollups)) {
      if (files.has(candidate.name)) continue;
      const found = await warm.files(candidate.name, startMs - candidate.resolutionMs, endMs, plan);
      if (found === undefined) return undefined;
      files.set(candidate.name, found);
    }
    return { cuts, files, archivedUntilMs: plan.archivedUntilMs };
  });
}

interface Reading {
  readonly plan: SummaryPlan;
  readonly parts: ReadonlySet<SummaryPart>;
  readonly hot: HotSelect;
  readonly watch: TiersWatch;
}

async function* read(tier: ArchiveTier, warm: WarmArchive, request: SummarySelect, { plan, parts, hot, watch }: Reading): AsyncGenerator<RawSeries> {
  const raw = await planRaw(tier, plan, watch);
  const streams: AsyncIterable<Piece>[] = [];
  for (const { shard, rollups, rest } of plan.cuts) {
    for (const { candidate, days } of rollups) {
      const files = plan.files.get(candidate.name)!.filter((file) => file.shard === shard);
      // Of buckets that end in the range: where windows are whole, these are the ones that lie in it.
      const range = { startMs: request.startMs - candidate.resolutionMs, endMs: request.endMs - candidate.resolutionMs };
      const found = warm.select(files, { table: candidate.name, matchers: request.matchers, days, ...range, parts: bucketPartsOf(parts) }, watch.warm);
      streams.push(piecesOf(found, ({ labels }) => labels, (series) => ({ shard, samples: undefined, warm: { ...series, candidate } })));
    }
    for (const range of rest) {
      const own = (series: AsyncIterable<RawSeries>): void => void streams.push(piecesOf(series, ({ labels }) => labels, (samples) => ({ shard, samples, warm: undefined })));
      const { hot: live, coldEndMs } = tiersOf(shard, raw?.archivedUntilMs ?? new Map(), tier.live, range.startMs, range.endMs);
      const files = raw?.files.get(shard) ?? [];
      if (files.length > 0 && coldEndMs >= range.startMs) own(rawSeriesOf(tier.files.select(files, { ...request, startMs: range.startMs, endMs: coldEndMs }, watch.cold)));
      // Without a plan nobody knows what the shard may have dropped: it answers with what it has.
      if (live !== undefined) own(hot(live.number, { startMs: live.startMs, endMs: range.endMs, ...(raw === undefined ? {} : { completeFromMs: live.startMs }) }));
    }
  }
  const instead = new SeriesFromSamples((more) => {
    const matchers = [...request.matchers, ...more];
    return selectTiers(tier, { ...request, matchers }, (shard, from) => hot(shard, { ...from, matchers }), watch.cold);
  });
  let rows = 0;
  try {
    for await (const pieces of bySeries(mergeSorted(streams, (a, b) => compareLabels(a.labels, b.labels)))) {
      const series = await seriesOf(pieces, parts, () => instead.find(pieces[0]!.labels));
      if (series === undefined) continue;
      rows += series.timestampsMs.length;
      if (rows > request.samplesMax) throw tooManySamples(request.samplesMax);
      yield series;
    }
  } finally {
    await instead.close();
  }
}

/** Which files have samples of what no roll-up answers; `undefined` when nobody says and the caller takes that. */
async function planRaw({ files }: ArchiveTier, { cuts, archivedUntilMs }: SummaryPlan, watch: TiersWatch): Promise<ArchivePlan | undefined> {
  const merged = new Map<string, Map<string, ArchivedFile>>();
  let untilMs: ReadonlyMap<string, number> = archivedUntilMs;
  for (const { startMs, endMs } of unionOf(cuts.flatMap(({ rest }) => rest), RAW_RANGES_MAX)) {
    const plan = await orMissed(watch.cold, WHOLE_ARCHIVE, () => files.plan(startMs, endMs));
    if (plan === undefined) return undefined;
    untilMs = plan.archivedUntilMs;
    for (const [shard, list] of plan.files) {
      const known = merged.get(shard) ?? new Map<string, ArchivedFile>();
      for (const file of list) known.set(file.key, file);
      merged.set(shard, known);
    }
  }
  const byRank = (known: Map<string, ArchivedFile>): ArchivedFile[] => [...known.values()].sort((a, b) => a.rank - b.rank || a.file - b.file);
  return { archivedUntilMs: untilMs, files: new Map([...merged].map(([shard, known]) => [shard, byRank(known)])) };
}

async function* piecesOf<T>(series: AsyncIterable<T>, labelsOf: (series: T) => Labels, toPiece: (series: T) => Omit<Piece, 'labels'>): AsyncGenerator<Piece> {
  for await (const one of series) yield { labels: labelsOf(one), ...toPiece(one) };
}

/** A series without buckets is its samples. */
async function seriesOf(pieces: readonly Piece[], parts: ReadonlySet<SummaryPart>, read: () => Promise<RawSeries | undefined>): Promise<RawSeries | undefined> {
  const samples = pieces.flatMap((piece) => piece.samples ?? []);
  if (samples.length === pieces.length) return joinSeries(samples);
  return canBeSummarized(pieces) ? summarize(pieces, parts) : read();
}

/** Native histograms are not rolled up; and where the times of two shards overlap that have the same series, nobody knows which has which sample. */
function canBeSummarized(pieces: readonly Piece[]): boolean {
  return pieces.every(({ samples, warm }) => samples?.histograms === undefined && warm?.hasHistograms !== true) && haveTimesOfTheirOwn(pieces);
}

/** Whether what each shard has lies before or behind what any other has: so it is where a series has moved with a new shard map. */
function haveTimesOfTheirOwn(pieces: readonly Piece[]): boolean {
  if (pieces.every(({ shard }) => shard === pieces[0]!.shard)) return true;
  const spans = new Map<string, { firstMs: number; lastMs: number }>();
  const widen = (shard: string, firstMs: number, lastMs: number): void => {
    const known = spans.get(shard);
    spans.set(shard, { firstMs: Math.min(firstMs, known?.firstMs ?? Infinity), lastMs: Math.max(lastMs, known?.lastMs ?? -Infinity) });
  };
  for (const { shard, samples, warm } of pieces) {
    if (samples !== undefined) widen(shard, samples.timestampsMs[0]!, samples.timestampsMs.at(-1)!);
    for (const { from, to } of warm?.stretches ?? []) widen(shard, warm!.buckets.startMs[from]! + 1, warm!.buckets.startMs[to - 1]! + warm!.candidate.resolutionMs);
  }
  const inOrder = [...spans.values()].sort((a, b) => a.firstMs - b.firstMs);
  return inOrder.every(({ firstMs }, i) => i === 0 || firstMs > inOrder[i - 1]!.lastMs);
}

/** In the order of time: buckets day by day, and samples of the days that have none. */
function summarize(pieces: readonly Piece[], parts: ReadonlySet<SummaryPart>): RawSeries | undefined {
  const runs: { readonly timeMs: number; readonly samples?: RawSeries; readonly buckets?: BucketColumns; readonly from?: number; readonly to?: number; readonly resolutionMs?: number }[] = [];
  for (const { samples, warm } of pieces) {
    if (samples !== undefined) runs.push({ timeMs: samples.timestampsMs[0]!, samples });
    for (const { from, to } of warm?.stretches ?? []) runs.push({ timeMs: warm!.buckets.startMs[from]! + 1, buckets: warm!.buckets, from, to, resolutionMs: warm!.candidate.resolutionMs });
  }
  const builder = new SummaryBuilder(parts);
  for (const { samples, buckets, from, to, resolutionMs } of runs.sort((a, b) => a.timeMs - b.timeMs)) {
    if (samples !== undefined) builder.addSamples(samples);
    else builder.addBuckets(buckets!, from!, to!, resolutionMs!);
  }
  return builder.finish(pieces[0]!.labels);
}
