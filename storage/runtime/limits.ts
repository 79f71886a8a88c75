import { ACCESS_LIMITS } from './access-limits.ts';
import { assert } from './assert.ts';
import { CACHE_LIMITS } from './cache-limits.ts';
import { GROUP_COMMIT_LIMITS } from './group-commit-limits.ts';
import { QUERY_LIMITS } from './query-limits.ts';
import { TIME_SERIES_STORE_LIMITS } from './time-series-store-limits.ts';
import { HOUR_MS, KIB, MIB, MINUTE_MS } from './units.ts';
import { UPKEEP_LIMITS } from './upkeep-limits.ts';

/**
 * Every bound of the system: its name, its default, and why. An isolate has 128 MB in all and may host the Worker and several shards, so
 * the sum of what one shard and one request may hold has to stay well under that.
 */
const DEFAULTS = {
  // —— a write request ——
  /** The limit of Prometheus' own receiver; its default of 2,000 samples a request is about 60 KiB. */
  writeBodyBytesMax: 32 * MIB,
  /** What the runtime is given to read a body into at a time, where it is not read whole: of 4 KiB, 16 KiB, 64 KiB and 256 KiB the third is as quick as the last. */
  bodyPieceBytes: 64 * KIB,
  /** Checked against the declared length before anything is allocated. Prometheus' receiver has the same. */
  writeUncompressedBytesMax: 32 * MIB,
  /**
   * Series, and samples, in one request. Either can be as short as two bytes, so that a body within its limits could ask for 450 MiB of
   * columns; these take 28 MiB at the most. Senders stay far below.
   */
  writeEntriesMax: 1 * MIB,
  /** What one turn of a write request sends to its shards; a larger request takes several turns, so that it never stands in memory twice. */
  writeTurnBytesTarget: 8 * MIB,
  /** OpenMetrics' and Prometheus' limit on all label names and values of an exemplar, in characters. */
  exemplarLabelRunesMax: 128,
  /** An exemplar of remote write, as encoded: so many characters of label names and values have at most 512 bytes, and empty values are allowed. */
  exemplarBytesMax: 4 * KIB,
  /** Mimir's default is 30; clusters with many Kubernetes labels need more. */
  labelsPerSeriesMax: 64,
  labelNameBytesMax: 1024,
  /** Mimir's default; above it is nearly always a mistake (a URL, a stack trace). */
  labelValueBytesMax: 2048,
  /** Prometheus refuses samples further ahead than this. */
  timestampAheadMsMax: 10 * MINUTE_MS,
  /** Samples in any order are taken when they are not older than this; older ones belong to an import. */
  hotWindowMs: 24 * HOUR_MS,
  /**
   * An import's samples go to the hot tier when they are younger than its retention by at least this, so that they can be read for as long
   * before they expire; older ones wait for the archive.
   */
  importRetentionMarginMs: 1 * HOUR_MS,
  /** A line of an imported text: 64 labels at their limits are 192 KiB. A longer line is passed over and counted. */
  importLineBytesMax: 256 * KIB,
  /** A body is handed on in pieces of this size: what a chunk adds to the batches before they may be sent. */
  importChunkBytes: 64 * KIB,
  /** Decompressors are fed so much at a time: at 1,000 to 1, the most that gzip reaches, 4 MiB come out and no more stands in memory. */
  importCompressedChunkBytes: 4 * KIB,
  /** A zstd frame may ask for a window of up to 2^27 bytes; RFC 8878 recommends that receivers take at least 2^23, 8 MiB. */
  importZstdWindowLogMax: 23,
  /** The body of one import, uncompressed; more than any platform's limit on requests, so a guard against bodies without an end. */
  importBodyBytesMax: 64 * 1024 * MIB,
  /** Imports that one isolate reads at a time; each may hold its batches, about 8 MiB, most of them far less. */
  importsAtOnceMax: 6,
  /** An import over that waits so long for its turn before it is asked to come again. */
  importSlotWaitMsMax: 5_000,
  /** An import that sends nothing for so long is given up. */
  importIdleMsMax: 1 * MINUTE_MS,
  /** Series whose labels an import remembers by their text. */
  importSeriesCacheEntriesMax: 16 * KIB,
  importSeriesCacheBytesMax: 4 * MIB,
  /** Series of an import that are collected before they are sent. */
  importSeriesTarget: 16 * KIB,
  /** Samples of one point of an OpenMetrics histogram or summary that wait for its `_created` line. */
  importPointSamplesMax: 1024,
  /** Samples of one series that go into a late batch at a time: 24 bytes each at the worst, so that it stays within a row. */
  lateSeriesSamplesMax: 16 * KIB,
  /** Old samples collected before they are sent, before compression: one row of `sqlRowBytesMax` with the longest series behind it. */
  lateBatchBytesTarget: 1 * MIB,
  /** A body of remote write or OTLP that has not arrived by then is given up. Senders give up after 10 to 30 seconds. */
  writeBodyMsMax: 1 * MINUTE_MS,
  /**
   * What the write requests of an isolate keep in memory at a time: bodies, and batches that are on their way to shards. Beyond it they are
   * asked to come again; a request that is alone is not. Common bodies are 60 KiB, and their batches as much again.
   */
  requestMemoryBytesMax: 40 * MIB,
  /** The same of one tenant, so that none keeps the others out; its largest body still fits. */
  requestMemoryTenantBytesMax: 32 * MIB,
  /** What a request holds that has not got on for so long is given up: its client is gone. Twice what a body may take. */
  requestMemoryMsMax: 2 * MINUTE_MS,
  /** Tenants whose rates an isolate remembers, 150 bytes each; one that is forgotten starts with all of samplesBurstMax. */
  sampleRateTenantsMax: 10_000,
  /** Reasons quoted in one error answer; the rest is counted. */
  writeErrorsQuotedMax: 5,

  // —— OTLP ——
  /**
   * A decompressed request, and the protobuf that JSON becomes. Collectors send 1 to 4 MB (8,192 data points, or gRPC's default of 4 MiB);
   * decompressors hold window, pieces and result at once, which at Prometheus' 32 MiB would be most of an isolate.
   */
  otlpUncompressedBytesMax: 16 * MIB,
  /** zstd's window, which the sender chooses and the decoder holds: 16 MiB, since a frame that knows its length has all of it as its window. */
  zstdWindowLogMax: 24,
  /** Frames of one body: each costs a call of the decompressor, and may be nine bytes and empty. Encoders write one, pzstd one a megabyte or more. */
  zstdFramesMax: 1024,
  /**
   * What a Worker remembers of ids by the bytes of OTLP: 33 bytes for each point and for what it is under (its metric, and the bounds that a metric's
   * histograms have), 12 for each series of a histogram, and attributes once each, up to a quarter of it. So 190,000 points of numbers each
   * in a metric and with attributes of its own, or as many histograms of 11 bounds, 20 in a metric. Of what is beyond, ids are computed from the
   * attributes each time, at twenty to forty times the CPU; nothing else changes.
   */
  otlpIdCacheBytesMax: 40 * MIB,
  /** When that is full and less than half of it was used in such a time, it starts empty: three exports at the interval that SDKs have by default. */
  otlpIdCacheWindowMs: 3 * MINUTE_MS,
  /** Attributes of a resource, a scope, a data point or an exemplar, as encoded: what the labels of one series can need, and some room. */
  otlpAttributesBytesMax: 256 * KIB,
  /** How deep an attribute's arrays and lists may nest: whoever nests more does not describe a series. Protobuf's own limit is 100. */
  otlpDepthMax: 32,
  /** Buckets of a histogram, quantiles of a summary: SDKs make 160 by default. */
  otlpBucketsMax: 4096,
  /** Exemplars of one data point; SDKs keep one a bucket, or a handful. */
  otlpExemplarsPerPointMax: 256,
  /** Samples of `target_info` that a request may make at steps between its first and last time; past it each resource gets the two ends. */
  otlpTargetInfoSamplesMax: 64 * KIB,

  // —— metadata of metrics ——
  /** Entries (type, help, unit) of a tenant: a large fleet has 20,000 families. About 200 bytes each; what was noted longest ago makes room. */
  metadataEntriesMax: 50_000,
  /** Entries of one metric: jobs differ in help texts, releases change them. The one noted longest ago makes room. */
  metadataPerMetricMax: 8,
  /** Mimir's default for all of an entry; a longer help text is cut here. */
  metadataHelpBytesMax: 1024,
  metadataUnitBytesMax: 256,
  /** What is sent again and again is written again once in this time, so that what is in use is never the oldest. */
  metadataRenewMs: 24 * HOUR_MS,
  /** Entries that a Worker knows to be stored, of characters that take a byte each, and 128 more for the entry: about 20,000 of them. */
  metadataCacheBytesMax: 5 * MIB,
  /** Entries of 2.0 that wait for catalogs which do not answer, of all tenants, in characters: a large fleet's twice. Beyond it they are given up, and noted when their series come again. */
  metadataUnnotedCharactersMax: 8 * MIB,
  /** Characters of entries in one call to or from the catalog. */
  metadataPageCharactersTarget: 1 * MIB,

  /** The archive's table of metadata is written anew no more often than this. */
  metadataTableIntervalMs: 1 * HOUR_MS,
  /** Characters of entries in one file of it: about 16 MB in memory on their way. A large fleet has one such file. */
  metadataFileCharactersTarget: 4 * MIB,

  // —— pairs of replicas ——
  /** No other replica is elected before the elected one has been silent for so long. Mimir's default. */
  haFailoverMs: 30_000,
  /** An isolate that hears the elected replica tells the catalog so often. */
  haRenewMs: 5_000,
  /** Clusters of replicas of a tenant. Mimir's default. */
  haClustersMax: 100,
  /** Clusters not heard of for so long make room for new ones. Mimir's default. */
  haForgetMs: 30 * MINUTE_MS,
  /** What an isolate remembers of elections, in characters of their names. */
  haCacheCharactersMax: 256 * KIB,

  ...CACHE_LIMITS,

  // —— a shard ——
  /**
   * With this many samples the log is sealed: the more, the fewer times a series is written. 20 bytes each (4 more where the log has one that is
   * 25 days from its first, 8 with start timestamps): 17 MiB with the room below. A seal of this many takes well under a second in all.
   */
  logEntriesMax: 768 * KIB,
  /**
   * How much more the log takes while it is being sealed, in samples, WAL rows and bytes of histograms, as a share of what it takes before: each
   * batch does its part of the seal, so that it is through before the room is. A batch that finds no room waits for the rest of the seal.
   */
  logRoomShare: 1 / 8,
  /** Samples that a step of a seal writes before requests have their turn, each series counted as 6 more, and each sample as a quarter when the log is put in order before: 5 to 10 ms. */
  sealStepSamples: 96 * KIB,
  /** A batch must fit one SQLite row (2 MB) at 8 to 20 bytes a sample. The Worker cuts larger requests. */
  batchSamplesMax: 64 * KIB,
  /** Bytes of a batch's samples as the log has them, 28 each with start timestamps, of its histograms and exemplars: one more histogram still fits the row. */
  batchBytesMax: 1_850_000,
  /** One encoded native histogram: 160 buckets take about 500 bytes, so this is a sender's mistake. */
  histogramBytesMax: 48 * KIB,
  /** Encoded histograms in the log head, beside its samples: with so many it is sealed. */
  logPayloadBytesMax: 8 * MIB,
  /** Rows of exemplars that a shard keeps: with rows of the size below, 16 MiB and some 150,000 exemplars, half as many again as Prometheus. */
  exemplarRowsMax: 256,
  /** The newest row of exemplars is written anew with each batch that has some, until it has this size. */
  exemplarRowBytesTarget: 64 * KIB,
  /** Exemplars remembered so that they are not stored again when they are sent again: about 200 bytes each, 1.6 MB. */
  exemplarsRememberedMax: 8 * KIB,
  /** Series of differences whose sum is remembered; others are read from storage again. About 150 bytes each without buckets. */
  deltaSumsMax: 16 * KIB,
  /**
   * Samples of such series that a commit writes anew since differences came behind them: half of it to put these in their place in time, the
   * other half to add those for which that is too much to the newest sample alone. What a Collector sends after an hour has some thousands.
   */
  deltaRaisedSamplesMax: 32 * KIB,
  ...GROUP_COMMIT_LIMITS,
  /** With this many WAL rows the log is sealed, which frees them. Reading them back is what waking costs. */
  walSlotsMax: 4096,
  /** About so many rows stay for the change feed behind seals, never fewer than half: a full log of common batches, 6 MB. */
  walRingSlots: 256,
  /** A SQLite row may hold 2 MB in production (locally more, which hides mistakes). */
  sqlRowBytesMax: 1_900_000,
  /** About 350 bytes of memory a series with its labels, postings and tables: 52 MB at the limit. */
  activeSeriesMax: 150_000,
  /** New series in one definition block: at most one row of `sqlRowBytesMax`. */
  seriesBlockBytesTarget: 1 * MIB,
  /**
   * Segments whose newest sample is older than this are dropped, where nothing is archived: Prometheus' default. Series stay in the index for
   * as long, so shards with much churn want less (VARVE_HOT_RETENTION).
   */
  hotRetentionMs: 15 * 24 * HOUR_MS,
  /** The same with an archive: files answer for what is older than its grace, and the rest is room for it to be late. Nothing is dropped that is not archived. */
  hotRetentionArchivedMs: 36 * HOUR_MS,
  /** A log whose first sample was accepted longer ago than this is sealed, so that a quiet shard wakes quickly and its samples can expire. */
  logAgeMsMax: 2 * HOUR_MS,
  /** Runs of segments merged at a time; each is a row open in memory. */
  mergeFanIn: 8,
  /** Segment rows that one step of a deletion rewrites: about 25 MB. */
  deleteRowsMax: 32,
  /** Samples of a merged run: eight full logs, which is about half a second of work. */
  mergeSamplesMax: 6 * MIB,
  /** Samples that a merge moves before it lets requests have their turn, each piece of a series counted as 8 or 12 more: 10 to 20 ms. */
  mergeStepSamples: 256 * KIB,
  /**
   * Samples too old for the hot tier that wait for the archive, compressed: some 300 million of them. Well below the 10 GB that a shard's
   * database may have, which the hot tier needs for a day without the archive.
   */
  lateQueueBytesMax: 1024 * MIB,
  /** Batches of them: about 120 bytes in memory each, so 4 MB. Imports of a few samples each would be far too many before they are too large. */
  lateRowsMax: 32 * KIB,
  /** Each holds the segments it lists for as long as it lives. */
  snapshotsMax: 64,
  /** Segment rows kept open for reading single series again, in bytes of the rows and their directories. */
  openSegmentBytesMax: 4 * MIB,
  /** Label names, and values of labels, kept as the answers that they are, in bytes. */
  labelStringsCacheBytesMax: 2 * MIB,
  /** Decoded columns of such rows, in samples of 16 bytes: 4 MiB. */
  openColumnSamplesMax: 256 * KIB,
  /**
   * Columns that selects have decoded, in numbers of 8 bytes: 12 MiB. An hour of 6,000 series scraped every 15 s, which is what a dashboard
   * asks for again and again.
   */
  selectColumnSamplesMax: 1536 * KIB,
  /** Samples of the log that selects have put into columns, of 16 bytes: 6 MiB. */
  logTailSamplesMax: 384 * KIB,
  /** Runs of refs kept in memory for each segment row, 8 bytes each: more are made coarser, which only costs a row looked at in vain. */
  refRunsInMemoryMax: 512,
  /** A seal makes rows of about this size: few rows are cheap to write, small rows cheap to read. */
  segmentRowBytesTarget: 768 * KIB,
  /** Uncompressed bytes in one frame of a segment row: what reading one series decompresses. With one more series still one zstd block. */
  segmentFrameBytesTarget: 28 * KIB,

  // —— the archive ——
  /** Rows of a row group, which are in memory before they are written: 16 bytes each, and as many again at the most for start timestamps. */
  archiveRowGroupRowsMax: 64 * KIB,
  /** Series of a row group, which are in memory with their labels before it is written: about a KiB each. */
  archiveRowGroupSeriesMax: 16 * KIB,
  /** Histograms of a row group, before compression; with one series' batch behind it, it is written. */
  archiveRowGroupPayloadBytesTarget: 4 * MIB,
  /** Rows of a file: what a flush encodes before it lets others have a turn, and about 1 MiB of common samples. */
  archiveFileRowsMax: 256 * KIB,
  /** Bytes of a file, which is one upload and in memory whole. Only histograms and values that do not compress reach it. */
  archiveFileBytesTarget: 8 * MIB,
  /** The series directory of a file, before compression: of series that have a few rows each it is larger than these. Readers hold it, compressed to a fifth or so. */
  archiveDirectoryBytesTarget: 4 * MIB,

  /** Exemplars of one file, about 500 bytes each in memory. Of a window's, those that came last go into the archive: one file. */
  archiveExemplarsPerFileMax: 32 * KIB,
  /** Exemplars that one query may find, in shards and in the archive, and that one shard may answer with: about 500 bytes each, and half as much on their way. */
  queryExemplarsMax: 50_000,

  /** A shard's samples go into the archive an aligned window of this length at a time. */
  archiveWindowMs: 1 * HOUR_MS,
  /** How long after its end a window is closed: senders may bring samples until then, and clocks may differ a little. */
  archiveGraceMs: 24 * HOUR_MS + 15 * MINUTE_MS,
  /** Samples that are looked at, behind an empty window, for how long nothing comes: some 20 ms. Where it is more, windows go one by one. */
  archiveGapSamplesMax: 2048 * KIB,
  /** Late samples that one flush takes out of the queue: 24 bytes each in memory. */
  archiveLateSamplesTarget: 256 * KIB,
  /** Days that they are of, and that one late batch may be of: each becomes a file, and all files of a flush, a KiB each to describe, are one commit. */
  archiveLateDaysMax: 1 * KIB,
  /** Files that the catalog looks at for one answer: some 2 MiB of descriptions. */
  archiveFilesPageMax: 1024,
  /** Files that one snapshot of an Iceberg table adds, unless one commit alone has more. */
  archiveSnapshotFilesMax: 4096,
  /** Files that a manifest of an Iceberg table names, about 600 bytes each: it is written anew, and in memory whole, when one of them leaves. */
  archiveManifestFilesMax: 512,
  /** A partition whose end is longer ago leaves the archive, unless VARVE_ARCHIVE_RETENTION says otherwise. */
  archiveRetentionMs: 365 * 24 * HOUR_MS,
  /** Whoever wants to keep samples for longer has mistyped, and times much further away are no dates. */
  retentionMsMax: 1000 * 365 * 24 * HOUR_MS,
  /** Files that one query may look at: a year of a tenant with a file an hour. */
  archiveFilesPerQueryMax: 10_000,
  /**
   * Series of files (a series that is in ten files counts ten times) that one query may find, its selectors together: about 300 bytes each while
   * they are read. A series' day in a file is hundreds of samples, so `querySamplesMax` mostly ends a query before.
   */
  archiveQueryEntriesMax: 100_000,
  /** Rows of files that are in memory at a time: 16 bytes each, and as many again where pages hold others too. */
  archiveReadRowsTarget: 256 * KIB,
  /** Requests to the object store that somebody makes at a time: an invocation may have six under way. */
  objectRequestsAtOnceMax: 6,
  /** Tails of files that an isolate remembers. */
  archiveTailCacheBytesMax: 8 * MIB,
  /** Files that shards commit within this time get into the Iceberg table with one snapshot. */
  archivePublishDelayMs: 10_000,
  /** Snapshots that a table's metadata names: about 600 bytes each. Samples of older ones are in the newer ones. */
  archiveSnapshotsMax: 100,
  /** Older snapshots leave the table, except for its newest: the files that only they have can then be removed. */
  archiveSnapshotAgeMs: 24 * HOUR_MS,

  ...UPKEEP_LIMITS,

  // —— roll-ups ——
  /** Rows of a row group of roll-ups: few, so that the columns which one series is read from stand close together and come with one request. */
  rollupRowGroupRowsMax: 16 * KIB,
  /** Floats of a bucket up to which its percentiles are kept: an hour of ten a second. They are held until the bucket is full. */
  rollupPercentileSamplesMax: 64 * KIB,
  /** Samples that one step makes buckets of, some three seconds of work: a file of 5-minute buckets is then about full. */
  rollupStepSamplesTarget: 4 * 1024 * KIB,
  /** Days of a month that are rolled up at a time, where their runs of files may all be open (`archiveOpenRunsMax`). */
  rollupDaysMax: 4,
  /** A day is rolled up when no samples of it have come for so long: imports come in many commits. */
  rollupSettleMs: 15 * MINUTE_MS,
  /** Tails of files of roll-ups that an isolate remembers: those of a year of hours. */
  rollupTailCacheBytesMax: 8 * MIB,

  // —— the change feed, and a queue that gets it ——
  /** Samples of one series in one event, about 60 bytes each. */
  changeEventPointsMax: 256,
  /** Encoded histograms of one event: a bucket is a byte or two of them, and some 50 of the event. */
  changeEventHistogramBytesTarget: 4 * KIB,
  /** A queue takes 128 KB a message, its own attributes included. */
  queueMessageBytesMax: 120_000,
  /** The queue's own limits are 100 messages and 256 KB a call. */
  queueBatchMessagesMax: 100,
  queueBatchBytesMax: 250_000,
  /** Rows of the log in memory at a time, along with what the feed adds to them. */
  queueRowsPerRead: 16,
  /** Then the object's other work has its turn. */
  queueReadsPerRing: 64,
  /** What is written is sent together with what follows within this time; also the first pause behind a failure. */
  queueDelayMs: 1000,
  /** A queue that has not taken messages by then is taken to be away. */
  queueTimeoutMs: 30_000,
  /** Calls of a queue that never answers, of which nobody knows whether they will: an object may have six requests under way, and the archive's are among them. */
  queueUnansweredMax: 3,
  queueBackoffMsMax: 5 * MINUTE_MS,

  // —— a TimeSeriesStore in somebody's Durable Object: a file of its own ——
  ...TIME_SERIES_STORE_LIMITS,

  // —— tenants and keys: a file of its own ——
  ...ACCESS_LIMITS,

  /** A clock that is set back by no more than this only gives what runs by it so much longer: NTP steps small errors away, and leap seconds. */
  clockStepBackMsMax: 1000,

  // —— RPC ——
  /** The platform's cap is 32 MiB each way; a page of a select stops here and the caller asks for the next one. */
  selectPageBytesTarget: 8 * MIB,
  /**
   * A series lies in one page, however long it is: 1.5 million floats, or 45,000 native histograms of 500 bytes. While the page is made the shard
   * has it twice, beside what it is made from. Over several pages it could have twice as much, no more: `querySamplesMax` is 48 MB of one query, and
   * whoever puts the pieces together would have them beside the whole.
   */
  selectPageBytesMax: 24 * MIB,
  /**
   * Pages of one query in a Worker's memory at a time, over its selectors and shards: what these have to share is little for each where they
   * are many, and as large as a page may be for six.
   */
  selectPagesBytesTarget: 48 * MIB,
  /** Smaller pages would be more calls than they are worth: 48 MiB of them are 768. */
  selectPageBytesMin: 64 * KIB,
  /** A page of label sets: some 100,000 of six labels. */
  seriesPageBytesTarget: 4 * MIB,
  /** Such pages of all shards that one answer is merged from: with more than four shards each of them gives smaller ones. */
  seriesPagesBytesTarget: 16 * MIB,
  /** Characters of names and values that the shards of such an answer share: then comparing most of them is no work. */
  seriesTextsCharactersMax: 1 * MIB,
  /** Label names or values in one answer of a shard. */
  labelStringsBytesMax: 16 * MIB,
  /** The platform's cap, each way. */
  rpcBytesMax: 32 * MIB,

  // —— a query ——
  ...QUERY_LIMITS,
} as const;

/** Bounds by name, as numbers: tenants, stores and tests have others than the defaults. Who needs some takes `Pick<typeof LIMITS, …>`. */
export const LIMITS: { readonly [Name in keyof typeof DEFAULTS]: number } = DEFAULTS;

assert(LIMITS.writeBodyBytesMax <= LIMITS.requestMemoryTenantBytesMax && LIMITS.requestMemoryTenantBytesMax <= LIMITS.requestMemoryBytesMax, 'the largest body fits');
assert(LIMITS.otlpUncompressedBytesMax <= 2 ** LIMITS.zstdWindowLogMax, 'a frame whose window is all of it is taken');
assert(LIMITS.writeBodyMsMax < LIMITS.requestMemoryMsMax, 'a body that is still arriving is not given up');
assert(LIMITS.queueMessageBytesMax <= LIMITS.queueBatchBytesMax, 'a message fits one call of the queue');
assert(LIMITS.batchSamplesMax * 28 <= LIMITS.batchBytesMax, 'a batch of samples with start timestamps is not too large');
assert(LIMITS.batchBytesMax + LIMITS.histogramBytesMax <= LIMITS.sqlRowBytesMax, 'a batch fits one row');
assert(LIMITS.batchSamplesMax + LIMITS.deltaRaisedSamplesMax <= LIMITS.logEntriesMax * LIMITS.logRoomShare, 'a batch fits the room that a log has while it is sealed');
assert(LIMITS.batchSamplesMax <= LIMITS.storeLogEntriesMax, 'a batch fits the log of a store');
assert(LIMITS.sqlRowBytesMax * 2 <= LIMITS.groupCommitBytesMax, 'a group that waits for company leaves room for it');
assert(LIMITS.hotRetentionMs >= LIMITS.hotWindowMs + HOUR_MS, 'what is accepted can be read for an hour');
assert(LIMITS.mergeSamplesMax >= LIMITS.mergeFanIn * LIMITS.logEntriesMax, 'full logs can be merged');
assert(LIMITS.seriesBlockBytesTarget * 1.5 <= LIMITS.sqlRowBytesMax, 'a series block fits one row');
assert(LIMITS.lateBatchBytesTarget + LIMITS.labelsPerSeriesMax * (LIMITS.labelNameBytesMax + LIMITS.labelValueBytesMax) * 2 <= LIMITS.sqlRowBytesMax, 'a late batch fits one row');
assert(LIMITS.segmentRowBytesTarget * 2 <= LIMITS.sqlRowBytesMax, 'a segment row fits one row');
assert(LIMITS.queryAnswerMsMax >= LIMITS.queryTimeoutMs + LIMITS.queryBodyMsMax, 'who has got his turn keeps it for as long as a query may take');
assert(LIMITS.archiveRemovedDelayMs >= LIMITS.queryAnswerMsMax, 'a file stays for the queries that have found it');
assert(LIMITS.archiveMergeDelayMs > LIMITS.archiveGraceMs + LIMITS.archiveWindowMs, 'what is merged is archived');
assert(LIMITS.archiveMergeFilesMax * 2 <= LIMITS.archiveChangeFilesMax, 'a merge is one change: it makes at most as many files as it takes');
assert(LIMITS.archiveLookPeriodMs < LIMITS.archiveSnapshotAgeMs && LIMITS.archiveSnapshotAgeMs < LIMITS.archiveOrphanAgeMs, 'a catalog that went back looks before it removes, or has lost, an object that it needs');
assert(LIMITS.archiveSilentShardMs > 2 * (LIMITS.archiveGraceMs + LIMITS.archiveWindowMs), 'a shard that closes its last day by itself is not woken for it');
assert(LIMITS.archiveGraceMs > LIMITS.hotWindowMs, 'a window is closed when nobody may bring samples for it');
assert(LIMITS.selectPageBytesTarget * 2 <= LIMITS.selectPageBytesMax, 'a page is rarely ended for its next series');
assert(LIMITS.selectPageBytesMax + LIMITS.labelsPerSeriesMax * (LIMITS.labelNameBytesMax + LIMITS.labelValueBytesMax) * 6 <= LIMITS.rpcBytesMax, 'a page fits one RPC answer, whatever the labels of its last series');
assert(LIMITS.seriesPageBytesTarget * 2 <= LIMITS.rpcBytesMax, 'a page of label sets fits one RPC answer');
assert(LIMITS.labelStringsBytesMax < LIMITS.rpcBytesMax, 'names and values fit one RPC answer');
