import { must } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { ArchiveMark } from './archive-mark.ts';
import type { Exemplars, StoredExemplar } from './exemplars.ts';
import type { SeriesRegistry } from './index/series-registry.ts';
import type { LogHead } from './log/log-head.ts';
import type { LogTails } from './log/log-tails.ts';
import type { Segments } from './segment/segments.ts';
import type { PieceGatherer } from './select/gather-pieces.ts';
import { archiveOrder, compareSeries, oldestFrom, readGroup, type GroupRequest, type WindowGroup } from './select/read-window.ts';
import { selectExemplars, type SeriesExemplars } from './select/select-exemplars.ts';
import { TimeGap } from './select/time-gap.ts';

/** What of a hot store the archive is made from. */
export interface ArchiveSourceParts {
  readonly head: LogHead;
  readonly segments: Segments;
  readonly series: SeriesRegistry;
  readonly tails: LogTails;
  readonly gatherer: PieceGatherer;
  readonly exemplars: Exemplars;
}

/** What a hot store holds, as the archive takes it. */
export class ArchiveSource {
  readonly mark: ArchiveMark;
  readonly #segments: Segments;
  readonly #head: LogHead;
  readonly #series: SeriesRegistry;
  readonly #tails: LogTails;
  readonly #gatherer: PieceGatherer;
  /** Of the window that was read last: 4 bytes a series. It does not keep an index that is no longer the store's. */
  #order: { readonly generation: number; readonly startMs: number; readonly refs: Uint32Array } | undefined;
  readonly #exemplars: Exemplars;
  readonly #gap: TimeGap;

  constructor(sql: Sql, { head, segments, series, tails, gatherer, exemplars }: ArchiveSourceParts, limits: typeof LIMITS) {
    this.#exemplars = exemplars;
    this.#gap = new TimeGap(segments, head, limits);
    this.mark = new ArchiveMark(sql);
    this.#segments = segments;
    this.#head = head;
    this.#series = series;
    this.#tails = tails;
    this.#gatherer = gatherer;
  }

  /** Samples older than this (Unix ms) are refused: they are pruned, or their window is closed. */
  get writeFloorMs(): number {
    return Math.max(this.#segments.floorMs, this.mark.closedUntilMs);
  }

  /** Time of the oldest sample that may not be in the archive (Unix ms), or earlier; `undefined` when there is none. */
  oldestMs(): number | undefined {
    return oldestFrom(this.#gap.endFrom(this.#fromMs), this.#segments.live, this.#head);
  }

  /** Samples that are stored; one that two seals hold counts twice. */
  get sampleCount(): number {
    return this.#segments.live.reduce((count, info) => count + info.sampleCount, this.#head.count);
  }

  /** Behind a window that had no samples: looks for how long none come, which `oldestMs` knows then. */
  findGap(leastMs: number): void {
    this.#gap.find(this.#fromMs, leastMs);
  }

  get #fromMs(): number {
    return Math.max(this.mark.archivedUntilMs, this.#segments.floorMs);
  }

  /**
   * Some series of a window that is closed: see read-window.ts. Each call finds its place anew, so that the store may do other things between
   * two; the caller confirms that it is current behind each.
   */
  readGroup(request: GroupRequest): WindowGroup {
    const { startMs } = request;
    const { index, generation } = this.#series;
    // The index is another one after a clean-up of series. A series that came later has no samples in a closed window.
    if (this.#order?.generation !== generation || this.#order.startMs !== startMs) this.#order = { generation, startMs, refs: archiveOrder(index) };
    const sources = { index, tails: this.#tails, gatherer: this.#gatherer };
    return readGroup(sources, this.#order.refs, { ...request, startMs: Math.max(startMs, this.#segments.floorMs) });
  }

  /**
   * The exemplars from `startMs` to before `endMs`, by series in the order of `compareSeries`, at most the `exemplarsMax` that came last;
   * `leftOut` says how many more there were.
   */
  readExemplars(startMs: number, endMs: number, exemplarsMax: number): { readonly series: readonly SeriesExemplars[]; readonly leftOut: number } {
    const newest: StoredExemplar[] = [];
    let count = 0;
    for (const exemplar of this.#exemplars.stored()) {
      if (exemplar.timestampMs >= startMs && exemplar.timestampMs < endMs) newest[count++ % exemplarsMax] = exemplar;
    }
    const sources = { stored: newest, table: this.#series.table, index: this.#series.index };
    const series = must(selectExemplars(sources, { refs: undefined, startMs, endMs: endMs - 1, exemplarsMax }), 'no more exemplars than were put together');
    series.sort((a, b) => compareSeries(a.labels, b.labels));
    return { series, leftOut: count - newest.length };
  }
}
