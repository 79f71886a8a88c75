import type { LIMITS } from '../../runtime/limits.ts';
import type { StartTimer } from '../../runtime/timer.ts';

export type LingerLimits = Readonly<
  Record<keyof Pick<typeof LIMITS, 'groupCommitLingerLookMs' | 'groupCommitLingerMsMax' | 'groupCommitLingerBatchesMax' | 'groupCommitLingerPauseGroupsMax' | 'sqlRowBytesMax'>, number>
>;

/** Of looks, in a row. One alone says little: it may come late, right behind what has held up those who would have come. */
const LOOKS_IN_VAIN_MAX = 2;
/** What one commit counts for in the mean over the last ones: where requests come independently some overlap by chance, and company is not to be expected for that. */
const COMMIT_WEIGHT = 0.25;

/** Groups from a hope that came true to the next: where requests come independently many come true, and each makes those wait who are there. */
const HOPE_GROUPS_MIN = 8;

/**
 * The wait of a group for company before it is written, as PostgreSQL's `commit_delay` and Kafka's `linger.ms` have it, but only for company
 * that is likely: for as many items as were outstanding, in the group or come behind it, at the last commits in the mean. N senders that each wait
 * for their answers and send anew so come to share one commit, where without a wait one half of them is answered while the other one gathers. Who
 * stays alone does not wait. Waits that bring nobody, one behind the other, make the groups after them go at once: none behind the first, which may be
 * chance, then one, two, four and so on, until a wait brings somebody again.
 *
 * Now and then a group hopes for one item more than is expected. Senders who have fallen into two halves that take turns would stay so for
 * ever, since each half finds as many as it expects, and leaves before the other one has come: so they find each other. Hopes in vain become as seldom as waits.
 */
export class Linger {
  readonly #limits: LingerLimits;
  readonly #startTimer: StartTimer;
  #lastGroupItems = 1;
  /** In the mean over the last commits: the items of the group, and those that came while it was open. */
  #outstandingItems = 1;
  /** How many came during the wait before the group that is about to be written; `undefined` where there was none. */
  #newcomers: number | undefined;
  #pausedGroups = 0;
  #nextPauseGroups = 0;
  /** Groups that go before the next hope. */
  #groupsToHope = HOPE_GROUPS_MIN;
  #nextGroupsToHope = HOPE_GROUPS_MIN;
  /** Ends the wait that is under way. */
  #end: (() => void) | undefined;

  constructor(limits: LingerLimits, startTimer: StartTimer) {
    this.#limits = limits;
    this.#startTimer = startTimer;
  }

  /** Whether a group of so many items is better written later: never when it fills a row, which is what waiting would save. */
  isWorthwhile(items: number, bytes: number): boolean {
    if (this.#pausedGroups > 0 || bytes >= this.#limits.sqlRowBytesMax) return false;
    return items < this.#expectedItems + (this.#isHoping ? 1 : 0);
  }

  /** Resolves when `came` finds that the wait is no longer worthwhile, when two looks have found nobody new, or when the time is up. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#newcomers = 0;
      this.#lookLater({ waitedMs: 0, looksInVain: 0 }, resolve);
    });
  }

  /** Somebody came; with it so much waits. Nothing happens unless a wait is under way. */
  came(items: number, bytes: number): void {
    if (this.#end === undefined) return;
    this.#newcomers!++;
    if (!this.isWorthwhile(items, bytes)) this.#end();
  }

  /** A group is being written: whether it waited, and what for, is what the next ones learn from. */
  noteGroup(items: number): void {
    this.#lastGroupItems = items;
    this.#noteHope(items);
    // With as many as were expected it has only hoped.
    if (this.#newcomers === 0 && items < this.#expectedItems) {
      this.#pausedGroups = this.#nextPauseGroups;
      this.#nextPauseGroups = Math.min(Math.max(1, this.#nextPauseGroups * 2), this.#limits.groupCommitLingerPauseGroupsMax);
    } else {
      if (this.#newcomers !== undefined && this.#newcomers > 0) this.#nextPauseGroups = 0;
      if (this.#pausedGroups > 0) this.#pausedGroups--;
    }
    this.#newcomers = undefined;
  }

  /** The group's commit is over, and so many have come meanwhile: who is answered now may come to them. */
  noteCommitted(items: number): void {
    this.#outstandingItems += (this.#lastGroupItems + items - this.#outstandingItems) * COMMIT_WEIGHT;
  }

  get #expectedItems(): number {
    return Math.min(Math.round(this.#outstandingItems), this.#limits.groupCommitLingerBatchesMax);
  }

  /** Who is alone hopes for nobody. */
  get #isHoping(): boolean {
    return this.#groupsToHope === 0 && this.#expectedItems > 1 && this.#expectedItems < this.#limits.groupCommitLingerBatchesMax;
  }

  #noteHope(items: number): void {
    if (this.#groupsToHope > 0) this.#groupsToHope--;
    else if (this.#isHoping && this.#newcomers !== undefined && items >= this.#expectedItems) {
      const isInVain = items === this.#expectedItems;
      this.#groupsToHope = isInVain ? this.#nextGroupsToHope : HOPE_GROUPS_MIN;
      this.#nextGroupsToHope = isInVain ? Math.min(this.#nextGroupsToHope * 2, this.#limits.groupCommitLingerPauseGroupsMax) : HOPE_GROUPS_MIN;
    }
  }

  #lookLater({ waitedMs, looksInVain }: { readonly waitedMs: number; readonly looksInVain: number }, resolve: () => void): void {
    const { groupCommitLingerLookMs: lookMs, groupCommitLingerMsMax: waitMsMax } = this.#limits;
    const newcomersBefore = this.#newcomers;
    const stopTimer = this.#startTimer(lookMs, () => {
      const look = { waitedMs: waitedMs + lookMs, looksInVain: this.#newcomers === newcomersBefore ? looksInVain + 1 : 0 };
      if (look.looksInVain === LOOKS_IN_VAIN_MAX || look.waitedMs >= waitMsMax) end();
      else this.#lookLater(look, resolve);
    });
    const end = (): void => {
      stopTimer();
      this.#end = undefined;
      resolve();
    };
    this.#end = end;
  }
}
