import { VarveError } from '../storage/runtime/errors.ts';

/** As in Prometheus, what the budget counts as a sample. */
export const SAMPLE_BYTES = 16;

/** Bounds of one query. Each excess is an error of kind `limit` that names the bound. */
export interface QueryLimits {
  /**
   * Samples read from the source in all, and likewise those held between operators at one time (as Prometheus' --query.max-samples). Of those in
   * memory a histogram is many: see operators/histogram-weight.ts.
   */
  readonly querySamplesMax: number;
  /** Series read from the source, each selector counted. */
  readonly querySeriesMax: number;
  /** Points of the result: series times steps. */
  readonly queryPointsMax: number;
  /** Steps of the query or of one subquery. A subquery with a tiny step over a long range ends here and not in memory. */
  readonly subqueryStepsMax: number;
  /** Steps and samples looked at, counted anew for every window and operator, dear ones several times: bounds the time that a query may take. */
  readonly workMax: number;
  /** Work after which others have a turn. */
  readonly workPerPause: number;
  /** Characters of labels that label functions make: nested they could multiply a value at every level. */
  readonly labelCharactersMax: number;
  /** Characters of a label times instructions of the pattern that is matched against it, all without a pause. */
  readonly matchWorkMax: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  querySamplesMax: 50_000_000,
  querySeriesMax: 1_000_000,
  queryPointsMax: 20_000_000,
  subqueryStepsMax: 2_000_000,
  workMax: 4_000_000_000,
  /** 10 to 30 ms: a request that comes in meanwhile waits so long. A turn costs about a millisecond. */
  workPerPause: 10_000_000,
  labelCharactersMax: 20_000_000,
  /** A quarter of a second at worst, and twice what the longest value that can be stored needs with the longest pattern. */
  matchWorkMax: 40_000_000,
};

/** What an instruction of a pattern costs for a character, as against a value that is added. */
const MATCH_WORK = 4;

/** What compiling an instruction of a pattern costs, as against a value that is added. */
const COMPILE_WORK = 10_000;

/** What a value costs that is sorted, as against one that is added. */
export const SORT_WORK = 16;

/**
 * Counts what one query uses, in work and never in time: inside a synchronous loop a Worker's clock stands still.
 *
 * Also where a query learns that it was cancelled. It can only learn it after others had a turn, so a query pauses every so much work:
 * whoever works checks `isPauseDue` between two pieces of work and awaits `pause`.
 */
export class Budget {
  readonly limits: QueryLimits;
  readonly signal: AbortSignal | undefined;
  readonly #yield: (() => Promise<void>) | undefined;
  #samplesRead = 0;
  #seriesRead = 0;
  #heldSamples = 0;
  #workingSamples = 0;
  #peakSamples = 0;
  #samplesSeen = 0;
  #work = 0;
  #workAtPause = 0;
  #labelCharacters = 0;

  /** `yieldToOthers` lets the event loop go round once. */
  constructor(limits: QueryLimits, signal: AbortSignal | undefined, yieldToOthers?: () => Promise<void>) {
    this.limits = limits;
    this.signal = signal;
    this.#yield = yieldToOthers;
  }

  get samplesRead(): number {
    return this.#samplesRead;
  }

  get seriesRead(): number {
    return this.#seriesRead;
  }

  get peakSamples(): number {
    return this.#peakSamples;
  }

  /** Samples looked at so far. */
  get totalQueryableSamples(): number {
    return this.#samplesSeen;
  }

  /** One series came from the source, and is in memory until the next one comes. Its histograms weigh as much as `histogramSamples` more. */
  readSeries(sampleCount: number, histogramSamples = 0): void {
    if (histogramSamples > 0) this.checkRoom(sampleCount + histogramSamples);
    this.#seriesRead++;
    this.#samplesRead += sampleCount;
    if (this.#seriesRead > this.limits.querySeriesMax) throw limitError('query selects too many series', 'querySeriesMax', this.limits.querySeriesMax);
    if (this.#samplesRead > this.limits.querySamplesMax) throw this.#tooManySamples();
    this.#peakSamples = Math.max(this.#peakSamples, this.#heldSamples + sampleCount);
  }

  /** Samples that an operator keeps until it releases them. */
  hold(sampleCount: number): void {
    this.#heldSamples += sampleCount;
    if (this.#heldSamples > this.#peakSamples) this.#peakSamples = this.#heldSamples;
    this.#checkHeld();
  }

  release(sampleCount: number): void {
    this.#heldSamples -= sampleCount;
  }

  /** What an operator works with beside samples, as so many of them. Takes the same memory, but is none of what the statistics call held. */
  holdWorking(sampleCount: number): void {
    this.#workingSamples += sampleCount;
    this.#checkHeld();
  }

  releaseWorking(sampleCount: number): void {
    this.#workingSamples -= sampleCount;
  }

  /** Samples of the source looked at in windows and steps, for the statistics. */
  see(sampleCount: number): void {
    this.#samplesSeen += sampleCount;
  }

  /** Work that is about to be done. */
  spend(work: number): void {
    this.#work += work;
    if (this.#work > this.limits.workMax) throw limitError('query processing would take too long', 'workMax', this.limits.workMax);
  }

  /** A text that is about to be matched against a pattern of so many instructions. */
  match(characterCount: number, instructionCount: number): void {
    const work = characterCount * instructionCount;
    if (work > this.limits.matchWorkMax) throw limitError('query matches a pattern against too long a label', 'matchWorkMax', this.limits.matchWorkMax);
    this.spend(work * MATCH_WORK);
  }

  /** A pattern of so many instructions has been compiled: a query may have a thousand of them, and nothing else to do. */
  async compiled(instructionCount: number): Promise<void> {
    this.spend(instructionCount * COMPILE_WORK);
    if (this.isPauseDue) await this.pause();
  }

  get isPauseDue(): boolean {
    return this.#work - this.#workAtPause >= this.limits.workPerPause;
  }

  /** Lets others have a turn, then throws if the query was cancelled meanwhile. */
  async pause(): Promise<void> {
    this.#workAtPause = this.#work;
    await this.#yield?.();
    this.checkCancelled();
  }

  makeLabels(characterCount: number): void {
    this.#labelCharacters += characterCount;
    if (this.#labelCharacters > this.limits.labelCharactersMax) {
      throw limitError('query makes too many label characters', 'labelCharactersMax', this.limits.labelCharactersMax);
    }
  }

  checkSteps(count: number): void {
    if (count > this.limits.subqueryStepsMax) throw limitError('query evaluates too many steps', 'subqueryStepsMax', this.limits.subqueryStepsMax);
  }

  checkOutputPoints(count: number): void {
    if (count > this.limits.queryPointsMax) {
      throw limitError('query result has too many points', 'queryPointsMax', this.limits.queryPointsMax);
    }
  }

  /** Throws when the query was cancelled. Called between series. */
  checkCancelled(): void {
    const { signal } = this;
    if (signal === undefined || !signal.aborted) return;
    throw cancellation(signal.reason);
  }

  /** For what is soon let go of: throws when there is no room for so many samples beside those held. */
  checkRoom(sampleCount: number): void {
    if (this.#heldSamples + this.#workingSamples + sampleCount > this.limits.querySamplesMax) throw this.#tooManySamples();
  }

  #checkHeld(): void {
    this.checkRoom(0);
  }

  #tooManySamples(): VarveError {
    return limitError('query processing would load too many samples into memory in query execution', 'querySamplesMax', this.limits.querySamplesMax);
  }
}

function limitError(what: string, limitName: string, limit: number): VarveError {
  return new VarveError('limit', `${what} (${limitName} is ${limit})`);
}

/** What a query ends with whose signal has given this reason. */
export function cancellation(reason: unknown): VarveError {
  if (reason instanceof VarveError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return new VarveError('timeout', 'query timed out in expression evaluation');
  return new VarveError('canceled', 'query was canceled in expression evaluation');
}
