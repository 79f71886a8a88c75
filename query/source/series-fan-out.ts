import { compareLabels, compareStrings, type Labels } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { shardNumbers } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { SeriesShardAnswer } from '../../storage/shard/shard-api.ts';
import type { ByteText } from '../text/byte-text.ts';
import { archivedLabels } from './archived-labels.ts';
import { toLabelsRequest, type LabelsQuery } from './label-fan-out.ts';
import { ListSets, PageSets, SharedTexts, type LabelSets } from './label-sets.ts';
import type { ReadReport } from './read-report.ts';
import { askShard } from './shard-fan-out.ts';

/** Where a merge stands in one of its sources. */
interface Cursor {
  sets: LabelSets;
  position: number;
  /** Whether the source has sets behind these. */
  hasMore: boolean;
  /** Whether it has sets that it does not give: a shard of the release before, behind the limit. */
  isCut: boolean;
  /** Asks for those; `undefined` of a source that has given all it gives. */
  readonly next: ((after: Labels) => Promise<SeriesShardAnswer | undefined>) | undefined;
}

/** The label sets of the series of all shards and of the archive, in label order, page by page. */
export class SeriesMerge {
  readonly #cursors: readonly Cursor[];
  readonly #limit: number;
  readonly #shared: SharedTexts;
  /** Those with a set, in the order of the sets. */
  #heads: Cursor[] = [];
  /** Whether one has none, and has more. */
  #isDry = false;
  #written = 0;
  #isTruncated = false;

  private constructor(cursors: readonly Cursor[], limit: number, shared: SharedTexts) {
    this.#cursors = cursors;
    this.#limit = limit;
    this.#shared = shared;
    this.#order();
  }

  /** Asks all sources for their first page: what is away, or refuses, is known before the answer begins. */
  static async open(shards: TenantShards, query: LabelsQuery, clock: Clock, report: ReadReport): Promise<SeriesMerge> {
    const shared = new SharedTexts();
    const numbers = shardNumbers(shards);
    const pageBytesTarget = Math.floor(LIMITS.seriesPagesBytesTarget / numbers.length);
    const ask = (shard: number, after?: Labels): Promise<SeriesShardAnswer | undefined> =>
      askShard(shards, shard, (stub) => stub.series({ ...toLabelsRequest(query), after, pageBytesTarget }), report);
    const firsts = await Promise.all(numbers.map((shard) => ask(shard)));
    const cursors = firsts.map((answer, i) => takeAnswer({ sets: NOTHING, position: 0, hasMore: false, isCut: false, next: (after) => ask(numbers[i]!, after) }, answer, shared));
    const archived = (await archivedLabels(shards, query, clock, report)).sort(compareLabels);
    if (archived.length > 0) {
      const list = archived.filter((labels, i) => i === 0 || compareLabels(labels, archived[i - 1]!) !== 0);
      cursors.push({ sets: new ListSets(list, shared), position: 0, hasMore: false, isCut: false, next: undefined });
    }
    return new SeriesMerge(cursors, query.limit, shared);
  }

  /** Whether the limit has left something out; known at the end. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  /** Writes sets as JSON objects with commas between them until there are about `bytesTarget`, and tells whether more follow. */
  async write(out: ByteText, bytesTarget: number): Promise<boolean> {
    while (out.length < bytesTarget) {
      const least = this.#least() ?? (await this.#refill());
      if (least === 'empty') continue;
      if (least === undefined) return false;
      if (this.#limit > 0 && this.#written === this.#limit) {
        this.#isTruncated = true;
        return false;
      }
      if (this.#written++ > 0) out.byte(COMMA);
      least.sets.write(least.position, out);
      this.#advance(0);
    }
    return true;
  }

  /** The cursor at the set that comes first; `undefined` when a source must be asked before that can be said, or all have ended. */
  #least(): Cursor | undefined {
    const heads = this.#heads;
    if (this.#isDry || heads.length === 0) return undefined;
    // A series of both tiers, or of shards of two maps, comes twice.
    while (heads.length > 1 && compareHeads(heads[0]!, heads[1]!) === 0) this.#advance(1);
    return heads[0];
  }

  /** Moves one of the heads behind its set, to where it then belongs. */
  #advance(at: number): void {
    const heads = this.#heads;
    const cursor = heads[at]!;
    if (++cursor.position >= cursor.sets.count) {
      heads.splice(at, 1);
      this.#isDry ||= cursor.hasMore;
      return;
    }
    let low = at + 1;
    let high = heads.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareHeads(heads[middle]!, cursor) < 0) low = middle + 1;
      else high = middle;
    }
    heads.copyWithin(at, at + 1, low);
    heads[low - 1] = cursor;
  }

  #order(): void {
    this.#isDry = this.#cursors.some(isDry);
    this.#heads = this.#cursors.filter(({ sets, position }) => position < sets.count).sort(compareHeads);
  }

  /** Asks sources that have more for it. `empty` when there is something to look at again; `undefined` at the end. */
  async #refill(): Promise<'empty' | undefined> {
    const dry = this.#cursors.filter(isDry);
    const isFull = this.#limit > 0 && this.#written === this.#limit;
    if (dry.length === 0 || isFull) {
      this.#isTruncated = dry.length > 0 || this.#cursors.some(({ isCut }) => isCut);
      return undefined;
    }
    await Promise.all(dry.map(async (cursor) => {
      const answer = cursor.sets.count === 0 ? undefined : await cursor.next?.(cursor.sets.labelsOf(cursor.sets.count - 1));
      takeAnswer(cursor, answer, this.#shared);
    }));
    this.#order();
    return 'empty';
  }
}

const COMMA = 0x2c;
const NOTHING: LabelSets = new ListSets([], new SharedTexts());

function isDry({ sets, position, hasMore }: Cursor): boolean {
  return hasMore && position >= sets.count;
}

function takeAnswer(cursor: Cursor, answer: SeriesShardAnswer | undefined, shared: SharedTexts): Cursor {
  if (answer?.status === 'refused') throw new VarveError('limit', answer.message);
  cursor.position = 0;
  if (answer === undefined) {
    cursor.sets = NOTHING;
    cursor.hasMore = false;
  } else if (answer.status === 'page') {
    cursor.sets = new PageSets(answer.page, shared);
    cursor.hasMore = answer.more;
  } else {
    cursor.sets = new ListSets(answer.series, shared);
    cursor.hasMore = false;
    cursor.isCut = answer.truncated;
  }
  return cursor;
}

function compareHeads(a: Cursor, b: Cursor): number {
  const lengthA = a.sets.lengthOf(a.position);
  const lengthB = b.sets.lengthOf(b.position);
  for (let at = 0; at < Math.min(lengthA, lengthB); at++) {
    const textA = a.sets.textAt(a.position, at);
    const textB = b.sets.textAt(b.position, at);
    if (textA !== textB) return compareStrings(textA, textB);
  }
  return lengthA - lengthB;
}
