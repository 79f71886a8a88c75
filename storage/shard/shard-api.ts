import type { Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import type { LabelCardinality } from './cardinality.ts';
import type { ChangesAnswer } from './feed/change-feed.ts';
import type { LateAnswer } from './late/late-queue.ts';
import type { SeriesExemplars } from './select/select-exemplars.ts';
import type { SelectionRefused } from './select/selection-work.ts';

/**
 * What a shard answers over RPC. Old objects serve new Workers for minutes after a deploy and the other way round, so every message
 * carries a version, and each side takes its own and the one before.
 *
 * A client's mistake comes back as a value (an exception would lose its kind on the way); an exception means that the shard or its
 * storage failed and that the outcome is unknown.
 */
export const SHARD_RPC_VERSION = 1;

/** Of queries to evaluate: since 2 the answer is a whole one. The other version is answered with `declined`, as an unknown answer is taken. */
export const EVALUATE_RPC_VERSION = 2;

/** Of label requests: since 2 their answers are packed (label-answers.ts). */
export const LABELS_RPC_VERSION = 2;

export type AppendAnswer =
  /** The batch is durable, but for what the refusals name. What was there already counts as stored. */
  | {
      readonly status: 'stored';
      readonly samplesStored: number;
      readonly histogramsStored: number;
      readonly exemplarsStored: number;
      readonly refusals: readonly AppendRefusal[];
      /** Positions of the series of which something was left out, rising; absent when there are none, and from shards of an older release. */
      readonly refusedSeries?: Uint32Array;
      /** The refs of the series that came by id, where they were wanted; absent from shards of an older release. */
      readonly given?: GivenRefs;
    }
  /** Nothing was stored: send the batch again with the labels of the series at these positions. */
  | { readonly status: 'unknown-series'; readonly positions: Uint32Array }
  /** Nothing was stored: the refs are none of this instance's, or none any more. Send the batch with the ids of its series. */
  | { readonly status: 'unknown-refs' }
  /** Nothing was stored, since too much waits for its commit: send the same again later. */
  | { readonly status: 'busy'; readonly message: string }
  /** Nothing was stored, and sending the same again is useless. */
  | { readonly status: 'refused'; readonly message: string };

/** What a sender asks for beside the storing of its batch; shards of an older release pass it over. */
export interface AppendWishes {
  /** The batch's series will come again: their refs, to name them by (ref-message.ts). */
  readonly refs: boolean;
}

/** What series may be called instead of by their ids. */
export interface GivenRefs {
  /** What the refs are of (ref-space.ts). */
  readonly space: Uint32Array;
  /** Of each series that came by id, in their order; REFUSED_REF (resolve-series.ts) of those that were refused. */
  readonly refs: Uint32Array;
}

/** A part of a batch that was left out. `limit`: it may be taken later; `bad-data`: it never will be. */
export interface AppendRefusal {
  readonly kind: 'limit' | 'bad-data';
  /** Floats and histograms. */
  readonly samples: number;
  /** How many of these are histograms; absent from shards of an older release. */
  readonly histograms?: number;
  readonly message: string;
}

export interface SelectShardRequest {
  readonly version: number;
  readonly matchers: readonly Matcher[];
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
  /** Continue behind this series (labels are the order); `undefined` for the first page. */
  readonly after: Labels | undefined;
  /** Stop with an error when the page would hold more samples. */
  readonly samplesMax: number;
  /** About how large a page may be; never larger than selectPageBytesTarget. Shards of the release before look at that alone. */
  readonly pageBytesTarget?: number;
  /** Names the query that this is a part of: what finding its series takes counts over all its selectors and pages. Without it a call is one. */
  readonly query?: string;
  /** Refuse when samples from this time on (Unix ms) may have been dropped since the caller looked where the archive ends. */
  readonly completeFromMs?: number;
}

export type SelectShardAnswer =
  | { readonly status: 'page'; readonly page: ArrayBuffer; readonly more: boolean }
  /** Of a bound that the message names; `limit`: samplesMax. */
  | { readonly status: 'refused'; readonly message: string; readonly limit: boolean };

/** A whole query, for a shard that holds all series of its tenant. */
export interface EvaluateShardRequest {
  readonly version: number;
  /** PromQL. */
  readonly query: string;
  /** Unix milliseconds: of an instant query, or as in RangeQueryOptions. */
  readonly steps: { readonly timeMs: number } | { readonly startMs: number; readonly endMs: number; readonly stepMs: number };
  readonly lookbackMs: number;
  /** At most so many series in the answer; 0 means no limit. */
  readonly limit: number;
  /** Samples before this time (Unix ms) may be in the archive, and what needs them is declined. */
  readonly hotFromMs: number;
  /** Joined by "and" to those of each selector. */
  readonly matchers: readonly Matcher[];
}

export type EvaluateShardAnswer =
  /** The answer of Prometheus' HTTP API in UTF-8, in one piece or more. */
  | { readonly status: 'answer'; readonly chunks: readonly Uint8Array<ArrayBuffer>[] }
  /** Too much for the object, or an error: the caller is to evaluate it. */
  | { readonly status: 'declined' };

/**
 * Selectors joined by "or", none meaning all series; times are Unix milliseconds, both inclusive. Series without samples in that time are
 * left out, as far as is known without reading segments (series-in-range.ts).
 */
export interface LabelsShardRequest {
  readonly version: number;
  readonly selectors: readonly (readonly Matcher[])[];
  readonly startMs: number;
  readonly endMs: number;
  /** At most this many answers; 0 means no limit of the caller's. */
  readonly limit: number;
  /** Of series, since version 2: continue behind this one (labels are the order). */
  readonly after?: Labels | undefined;
  /** Of series: about how large a page may be; never larger than seriesPageBytesTarget. Shards of the release before look at that alone. */
  readonly pageBytesTarget?: number | undefined;
}

/** Sorted, each once. */
export type StringsShardAnswer =
  /** To requests of version 2: a JSON array in UTF-8, as it goes into the caller's own answer. */
  | { readonly status: 'strings'; readonly json: Uint8Array; readonly truncated: boolean }
  | { readonly status: 'values'; readonly values: readonly string[]; readonly truncated: boolean }
  | { readonly status: 'refused'; readonly message: string };

/** In label order. */
export type SeriesShardAnswer =
  /** To requests of version 2: a page (series-page.ts), and whether there are more series behind it. */
  | { readonly status: 'page'; readonly page: ArrayBuffer; readonly more: boolean }
  | { readonly status: 'series'; readonly series: readonly Labels[]; readonly truncated: boolean }
  | { readonly status: 'refused'; readonly message: string };

export interface ExemplarsShardRequest {
  readonly version: number;
  /** Joined by "or". */
  readonly selectors: readonly (readonly Matcher[])[];
  /** Unix milliseconds, both inclusive. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface ExemplarsShardAnswer {
  readonly status: 'exemplars';
  readonly series: readonly SeriesExemplars[];
  /** More than queryExemplarsMax match, and `series` has none. */
  readonly isTooMany: boolean;
}

export type CardinalityShardAnswer =
  | {
      readonly status: 'cardinality';
      readonly seriesCount: number;
      /** Of what the shard holds, whoever's series it is (Unix ms); Infinity and -Infinity when it holds nothing. */
      readonly minTimeMs: number;
      readonly maxTimeMs: number;
      /** Live segment rows. */
      readonly segmentCount: number;
      readonly labels: readonly LabelCardinality[];
    }
  | { readonly status: 'refused'; readonly message: string };

/** A step of a deletion is durable; `more` says that rows are left to look at, and the same is to be asked again. */
export interface DeleteShardAnswer {
  readonly status: 'deleted';
  readonly samplesRemoved: number;
  readonly more: boolean;
  /** Number of the newest flush that has begun: files of flushes up to it may have samples that are deleted here, those behind it have none. */
  readonly flushesBegun: number;
  /** Samples of the time wait for the archive in the late queue, where nothing is deleted. */
  readonly isLateWaiting: boolean;
}

export type SnapshotShardAnswer = { readonly status: 'created'; readonly id: string } | { readonly status: 'refused'; readonly message: string };

/** What is known of a live segment row without reading it. */
export interface SegmentSummary {
  readonly segment: number;
  readonly seal: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly sampleCount: number;
  readonly bytes: number;
}

/** A place in a shard's change feed: the sequence of the last batch seen, or one end of what the feed has. */
export interface ChangesShardRequest {
  readonly version: number;
  readonly cursor: number | 'oldest' | 'latest';
  readonly rowsMax: number;
  /** Joined by "or", none meaning all series. */
  readonly selectors: readonly (readonly Matcher[])[];
}

/** Counters since the object woke, and gauges of what it holds. Names are those of the metrics without the `varve_shard_` prefix. */
export interface ShardStats {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
}

/** A piece of work that moves samples into the archive: a window of time (Unix ms, the end is not in it), or late batches. */
export type FlushTask =
  | { readonly kind: 'window'; readonly startMs: number; readonly endMs: number }
  | { readonly kind: 'late'; readonly batchCount: number };

/** How far a shard's samples have gone into the archive, and what comes next. Times are Unix milliseconds. */
export interface FlushStatus {
  /** All samples before this are in files; -Infinity when nothing is. */
  readonly archivedUntilMs: number;
  /** No sample before this is taken any more. */
  readonly closedUntilMs: number;
  /** Age of the oldest sample that may not be archived yet; 0 when there is none. */
  readonly lagSeconds: number;
  /** How late its window is: 0 until the plan would have it archived. */
  readonly overdueSeconds: number;
  /** What was begun, with the files of it that are in the object store. */
  readonly begun: { readonly task: FlushTask; readonly fileCount: number; readonly rowCount: number; readonly bytes: number } | undefined;
  /** What comes next, behind what was begun, and when; `undefined` when there is nothing unless something is written. */
  readonly next: { readonly task: FlushTask; readonly dueMs: number } | undefined;
  /** Tries in a row that failed, with the last one's reason; then nothing is done before `retryAtMs`. */
  readonly failure: { readonly count: number; readonly message: string; readonly retryAtMs: number } | undefined;
}

/** A shard as its callers see it: the RPC port. What selects series may be refused for the work that it would be. */
export interface ShardApi {
  /** Stores a batch (append-message.ts), all or nothing. The answer leaves after the commit point. */
  append(message: ArrayBuffer, wishes?: AppendWishes): Promise<AppendAnswer>;
  /** Keeps samples too old for the hot tier for the archive (late-batch.ts), all or nothing. The answer leaves after the commit point. */
  appendLate(message: ArrayBuffer): Promise<LateAnswer>;
  select(request: SelectShardRequest): Promise<SelectShardAnswer>;
  /** A whole query in one call, if it is small. */
  evaluate(request: EvaluateShardRequest): Promise<EvaluateShardAnswer>;
  labelNames(request: LabelsShardRequest): Promise<StringsShardAnswer>;
  labelValues(name: string, request: LabelsShardRequest): Promise<StringsShardAnswer>;
  series(request: LabelsShardRequest): Promise<SeriesShardAnswer>;
  /** Exemplars by series, in label order (select-exemplars.ts). */
  selectExemplars(request: ExemplarsShardRequest): Promise<ExemplarsShardAnswer | SelectionRefused>;
  /** How the series that match spread over their labels; the request's times and limit say nothing here. */
  cardinality(request: LabelsShardRequest): Promise<CardinalityShardAnswer>;
  /** Deletes the samples of matching series within a time; no selector means none. The answer leaves after the commit point of its step. */
  deleteSeries(request: LabelsShardRequest): Promise<DeleteShardAnswer | SelectionRefused>;
  /** Takes a snapshot of what is there, unless there are as many as there may be. */
  createSnapshot(): Promise<SnapshotShardAnswer>;
  /** Ids of the snapshots, oldest first. */
  snapshots(): Promise<readonly string[]>;
  /** Forgets a snapshot, and what only it held; answers whether there was one. */
  deleteSnapshot(id: string): Promise<boolean>;
  segmentSummaries(): Promise<readonly SegmentSummary[]>;
  /** What was accepted behind a cursor, in the order of commit (change-feed.ts). */
  changes(request: ChangesShardRequest): Promise<ChangesAnswer | SelectionRefused>;
  stats(): Promise<ShardStats>;
  /** `undefined` where nothing is archived. */
  flushStatus(): Promise<FlushStatus | undefined>;
}
