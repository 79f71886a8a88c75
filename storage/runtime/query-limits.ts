import { KIB, MIB, MINUTE_MS } from './units.ts';

/** The bounds of queries and of what they are asked with: a part of LIMITS (limits.ts). */
export const QUERY_LIMITS = {
  /** Of a query or a selector: people write less than 1, generated ones are some ten. */
  queryTextCharactersMax: 64 * KIB,
  /** Queries whose trees are remembered, in characters of their text; a tree takes up to about 100 bytes for each, so 3 MiB. */
  parsedQueryCharactersMax: 32 * KIB,
  /** A form of a query request: the query and a few parameters. */
  queryBodyBytesMax: 1 * MIB,
  /** A body that asks for something, a query, a key or a token, and has not arrived by then is given up: Grafana would wait no longer for its answer. */
  queryBodyMsMax: 30_000,
  selectorsPerRequestMax: 1000,
  /**
   * Series that a shard looks at to find those of one query, over all its selectors, or of one other request: at 0.02 to 0.1 µs each, so at most
   * about half a second, and for a single selector with nothing else done meanwhile. Any number of narrow selectors, 30 that look
   * at 50,000 series in three ways each, and 10 that select all the series that a shard can have.
   */
  selectionSeriesMax: 5_000_000,
  /**
   * What testing values of labels takes there, likewise, in about nanoseconds (TestCost): at most about a second, and one value of the greatest length more. States that the engine
   * has to make count as it makes them (CompiledRegex.slowWork), of a pattern that is made for it one for nearly each character. 400 selectors that
   * compare 50,000 values each with the end of a text, or a pattern that needs the engine on a million values of 27 characters, or 150,000 of 200.
   */
  selectionMatchWorkMax: 1_000_000_000,
  /** Pages of one query that a shard is asked for at a time: a write that comes meanwhile waits for these, and not for hundreds. */
  querySelectsAtOnceMax: 4,
  /** Prometheus' default of `query.max-samples` is 50 million, at 16 bytes each; an isolate has 128 MB for everything. In memory a histogram is as many as its buckets and spans take. */
  querySamplesMax: 3_000_000,
  /** Points of all series of a result or of one step of its evaluation. */
  queryPointsMax: 5_000_000,
  querySeriesMax: 100_000,
  /** Prometheus' default of `web.search.max-limit`. */
  searchResultsMax: 10_000,
  /** Terms of one search: each is tried on every name. Prometheus' limit. */
  searchTermsMax: 32,
  /** Of one such term: more than anybody types. Compared with the longest of names it costs milliseconds. */
  searchTermCharactersMax: 256,
  /** Characters of terms times characters of names that one search may compare: a word with a million names, and 6 s at worst, of names and terms made for it. */
  searchWorkMax: 500_000_000,
  /** Of these, after which others have a turn: 12 ms at worst. */
  searchWorkPerPause: 1_000_000,
  /** Statistics of each kind in one answer of `status/tsdb`: Prometheus' limit. */
  cardinalityEntriesMax: 10_000,
  /** Label values and their counts in one answer of a shard: half of what RPC carries. */
  cardinalityBytesMax: 16 * MIB,
  /** Label values of all shards together that are counted at a time: with their counts about 100 bytes each. */
  cardinalityPairsMax: 500_000,
  /** A remote-read request names a few selectors. */
  remoteReadBodyBytesMax: 1 * MIB,
  /** Samples of one answer that is not streamed: it stands in memory at 18 bytes each, twice while it is compressed. */
  remoteReadSamplesMax: 1_000_000,
  /** A frame of streamed chunks is sent when it has this size; Prometheus' default. */
  remoteReadFrameBytesTarget: 1 * MIB,
  /** Prometheus' limit on the points of one series. */
  queryStepsMax: 11_000,
  /** Steps of one subquery: each operator on them holds 9 bytes a step, and a week of seconds still fits. */
  subqueryStepsMax: 1_000_000,
  queryTimeoutMs: 2 * MINUTE_MS,
  /** A query over its tenant's queriesAtOnceMax waits so long for its turn before it is asked to come again: Grafana's own time-out is 30 s. */
  querySlotWaitMsMax: 10_000,
  /** A query with its answer, to the last byte: who reads more slowly gets no more. Twice what the query may take. */
  queryAnswerMsMax: 4 * MINUTE_MS,
  /**
   * Streams of the change feed that an isolate has open: each may hold a page of a shard's changes, some 6 MB of them at worst, while its client
   * does not read. Another isolate has as many again.
   */
  changeStreamsAtOnceMax: 8,
  /** Of one tenant, so that another one finds a place. */
  changeStreamsOfTenantMax: 6,
  /** A stream then breaks off and its client connects anew, as it does after a network's failure; one that stands still gives its page back. One that keeps up ends by itself before. */
  changeStreamMsMax: 15 * MINUTE_MS,
  /** Calls of shards in one stream: a Worker may make a thousand for one request. The client then connects anew, and goes on. */
  changeStreamCallsMax: 800,
  /** Queries of one tenant that wait: a few KiB each, and a timer. */
  queriesWaitingMax: 500,
  /** Prometheus' `query.lookback-delta`. */
  lookbackMs: 5 * MINUTE_MS,

  // —— a query that an object evaluates beside its samples (query/source/object-evaluation.ts) ——
  // Everything else waits meanwhile, writes too, so it must be about as short as making a page of a select is. What is larger is evaluated by a Worker.
  /** Samples that are read, and those held at one time, of 16 bytes. */
  objectQuerySamplesMax: 1_000_000,
  /** Of those, native histograms: each costs as much as hundreds of floats. */
  objectQueryHistogramsMax: 2_000,
  /** As selectionSeriesMax, of all selectors: 20 to 50 ms. */
  objectQuerySelectionSeriesMax: 300_000,
  /** As selectionMatchWorkMax, likewise. */
  objectQueryMatchWorkMax: 30_000_000,
  /** Series that the selectors find, times steps and objectQuerySeriesSteps more: 10 to 20 ms. */
  objectQueryPointsReadMax: 1_000_000,
  /** A series by itself costs about as much as so many steps of it. */
  objectQuerySeriesSteps: 100,
  /**
   * Points of the answer, and series that the selectors find times steps where nothing makes few of many, as an aggregate does: text crosses to the
   * Worker at a millisecond a megabyte, and beyond this the samples that it is made of are so many fewer bytes that it had better be made there.
   */
  objectQueryPointsMax: 50_000,
  /** Steps of one subquery, which takes 8 bytes for each beside its samples: a day at its finest usual step, and several of them in one query. */
  objectSubqueryStepsMax: 100_000,
  /** Work as a query's budget counts it (promql/budget.ts), which functions over long windows and subqueries do much of: 5 to 20 ms. */
  objectQueryWorkMax: 5_000_000,
  /** Bytes of the answer, and characters of the labels that functions make. */
  objectAnswerBytesMax: 2 * MIB,
  /** What has been declined is not asked of the object again for so long: it may have become smaller by then. */
  declinedQueryMs: 5 * MINUTE_MS,
  /** Such queries that an isolate remembers, in characters. */
  declinedQueryCharactersMax: 64 * KIB,
} as const;
