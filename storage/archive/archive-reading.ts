import type { ArchivedFile } from '../catalog/archive-api.ts';
import { compiledMatcher, type CompiledMatcher } from '../model/compile-matcher.ts';
import { compareStrings, labelValue, METRIC_NAME, type Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import { isMissingPart, messageOf, VarveError } from '../runtime/errors.ts';
import type { SelectionWork } from '../shard/select/selection-work.ts';
import { orMissed, type ArchiveWatch } from './archive-watch.ts';

/* What all readers of a tenant's archive have in common, whatever the table. */

/** Values of a label that are remembered at a time: some 10 MiB. A year of pods has more of them. */
const KNOWN_VALUES_MAX = 64 * 1024;

/** Whether series match all of some matchers. Answers for values are remembered: series share them. Throws a limit error for what would take too long. */
export class SeriesTest {
  readonly #tests: readonly (CompiledMatcher & { readonly name: string; readonly known: Map<string, boolean> })[];
  readonly #work: SelectionWork;
  /** The only metric names that can match, when they are known. */
  readonly #metrics: readonly string[] | undefined;

  /** `work` is shared by the selectors of one request. */
  constructor(matchers: readonly Matcher[], work: SelectionWork) {
    this.#work = work;
    this.#tests = matchers.map((matcher) => ({ name: matcher.name, ...compiledMatcher(matcher), known: new Map() }));
    this.#metrics = this.#tests.find(({ name, literals }) => name === METRIC_NAME && literals !== undefined)?.literals;
  }

  mayMatchFile({ firstMetric, lastMetric }: ArchivedFile): boolean {
    return this.#metrics?.some((metric) => compareStrings(metric, firstMetric) >= 0 && compareStrings(metric, lastMetric) <= 0) ?? true;
  }

  matches(labels: Labels): boolean {
    return this.#tests.every(({ name, test, cost, slowWork, known }) => {
      const value = labelValue(labels, name);
      let isMatch = known.get(value);
      if (isMatch === undefined) {
        if (known.size >= KNOWN_VALUES_MAX) known.clear();
        this.#work.test(1, value.length, cost);
        known.set(value, (isMatch = test(value)));
        if (slowWork !== undefined) this.#work.tested(slowWork());
      }
      return isMatch;
    });
  }
}

/**
 * What is said of files that cannot be read. `rows` is what they have: samples. Who may see only some series is told the days alone, neither
 * which files there are nor how many: they have series of others too.
 */
export class PartNames {
  readonly #rows: string;
  readonly #isRestricted: boolean;

  constructor(rows: string, isRestricted: boolean) {
    this.#rows = rows;
    this.#isRestricted = isRestricted;
  }

  /** As in "samples of … are missing". */
  of({ key, shard, minTimeMs, maxTimeMs }: ArchivedFile): string {
    const text = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, this.#isRestricted ? DAY_CHARACTERS : MINUTE_CHARACTERS);
    const [from, to] = [text(minTimeMs), text(maxTimeMs)];
    if (this.#isRestricted) return `${this.#rows} of ${from === to ? from : `${from} to ${to}`}`;
    return `${this.#rows} of shard ${shard} from ${from} to ${to} (file ${key})`;
  }

  /** Runs what reads a file; the answer is `undefined` when it is away and the caller takes that. */
  reading<T>(watch: ArchiveWatch, file: ArchivedFile, body: () => Promise<T>): Promise<T | undefined> {
    const name = this.of(file);
    return orMissed(watch, name, async () => {
      try {
        return await reading(body);
      } catch (error) {
        if (!this.#isRestricted || !isMissingPart(error)) throw error;
        throw new VarveError('unavailable', `archive: ${name} cannot be read; try again later`, { cause: error });
      }
    });
  }
}

/** Of a time as ISO 8601 has it. */
const DAY_CHARACTERS = 10;
const MINUTE_CHARACTERS = 16;

/** What is damaged or away is an error that says so, never a series without samples. */
async function reading<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof VarveError) throw error;
    throw new VarveError('unavailable', `archive: ${messageOf(error)}`, { cause: error });
  }
}

/** Of one select, whichever tier's samples are the last straw. */
export function tooManySamples(samplesMax: number): VarveError {
  return new VarveError('limit', `query processing would load too many samples into memory in query execution (querySamplesMax is ${samplesMax})`);
}

/** `what` says what there is more of, `limit` is the name in limits.ts. */
export function tooMuch(what: string, limit: string, value: number): VarveError {
  return new VarveError('limit', `archive: ${what} (${limit} is ${value}): ask for less time or fewer series`);
}
