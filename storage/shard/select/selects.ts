import type { Matcher } from '../../model/matcher.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { SeriesRegistry } from '../index/series-registry.ts';
import type { LogHead } from '../log/log-head.ts';
import { LogTails } from '../log/log-tails.ts';
import type { Segments } from '../segment/segments.ts';
import type { SelectShardAnswer, SelectShardRequest } from '../shard-api.ts';
import { PieceGatherer } from './gather-pieces.ts';
import { QuerySelections } from './query-selections.ts';
import { selectPage, type SelectSources } from './select.ts';
import type { SelectionWork } from './selection-work.ts';
import { SeriesScan } from './series-scan.ts';

/** Reads series by matchers, as pages for others or one by one for who is beside them; with what is remembered from one time to the next. */
export class Selects {
  readonly tails: LogTails;
  readonly gatherer: PieceGatherer;
  readonly #segments: Segments;
  readonly #series: SeriesRegistry;
  readonly #limits: typeof LIMITS;
  readonly #selections = new QuerySelections();
  #count = 0;

  constructor(segments: Segments, series: SeriesRegistry, head: LogHead, limits: typeof LIMITS) {
    this.tails = new LogTails(head, limits.logTailSamplesMax);
    this.gatherer = new PieceGatherer(segments);
    this.#segments = segments;
    this.#series = series;
    this.#limits = limits;
  }

  /** How many there have been. */
  get count(): number {
    return this.#count;
  }

  page(request: SelectShardRequest): SelectShardAnswer {
    this.#count++;
    const answer = selectPage(this.#sources, this.#selections.refs(this.#series, request), request, this.#limits);
    if (answer.status === 'refused' || !answer.more) this.#selections.forget(request);
    return answer;
  }

  /** `work` is shared by the selectors of one query. */
  scan(matchers: readonly Matcher[], work: SelectionWork): SeriesScan {
    this.#count++;
    return new SeriesScan(this.#sources, matchers, work);
  }

  get #sources(): SelectSources {
    return { segments: this.#segments, index: this.#series.index, tails: this.tails, gatherer: this.gatherer };
  }
}
