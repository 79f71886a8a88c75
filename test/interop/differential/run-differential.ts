import { SeededRandom } from '../../fakes/seeded-random.ts';
import { findPeers, type PeerName } from '../../bench/peers.ts';
import type { Reference } from './references.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { type Answering, AnsweringServer } from './answers.ts';
import { compare, type Comparison } from './comparison.ts';
import { histogramData } from './histogram-data.ts';
import { excusedMax } from './exception.ts';
import { loadData } from './load-data.ts';
import { randomData } from './random-data.ts';
import { type Query, randomQuery } from './random-queries.ts';
import { describeFailure } from './report.ts';
import { shrink } from './shrink.ts';
import { dataTimes } from './timing.ts';

export interface DifferentialOptions {
  readonly reference: Reference;
  readonly subject: PeerName;
  readonly queries: number;
  /** No further queries are begun after this long. */
  readonly durationMs: number;
  readonly seed: number;
  /** Only the query with this number. */
  readonly query?: number | undefined;
}

export interface DifferentialTally {
  readonly passed: number;
  readonly failed: number;
}

/** Queries asked side by side: two servers and two cores. */
export const WORKERS = 4;
/** Failures that are shrunk and printed; the rest is counted. */
const SHOWN_MAX = 20;

/**
 * The same random data in the reference and in the subject, and random queries to both: every answer must be the same, apart from the
 * exceptions. Prints each failure as the smallest query that still fails.
 */
export async function runDifferential(sandbox: Sandbox, options: DifferentialOptions, say: (line: string) => void): Promise<DifferentialTally> {
  const { reference } = options;
  const times = dataTimes(Date.now());
  const data = randomData(new SeededRandom(options.seed), times, reference.dialect);
  const histograms = reference.dialect === 'old' ? [] : histogramData(new SeededRandom(options.seed + 1), times, reference.dialect);
  const histogramCount = histograms.reduce((sum, { runs }) => sum + runs.reduce((count, run) => count + (run.kind === 'histograms' ? run.histograms.length : 0), 0), 0);
  const samples = data.reduce((sum, { values }) => sum + values.length, 0);
  const all = data.length + histograms.length;
  say(`differential: ${reference.name}, seed ${options.seed}, ${options.queries} queries over ${all} series with ${samples} samples, and ${histogramCount} histograms`);
  const start = options.subject === 'prometheus' ? reference.start : async (): Promise<URL> => (await findPeers([options.subject]).peers[0]!.start(sandbox)).baseUrl;
  const [referenceUrl, subjectUrl] = [await reference.start(sandbox), await start(sandbox)];
  for (const url of [referenceUrl, subjectUrl]) await loadData(url, data, histograms);
  const wantedFrom = new AnsweringServer(referenceUrl, WORKERS, reference.translate);
  const gotFrom = new AnsweringServer(subjectUrl, WORKERS, options.subject === 'prometheus' ? reference.translate : undefined);
  const question = (number: number): Question => ({ query: randomQuery(options.seed, number, times, reference.dialect), gotFrom });
  try {
    return await new Differential(wantedFrom, question, options, say).run();
  } finally {
    wantedFrom.close();
    gotFrom.close();
  }
}

/** What to ask, and whom beside the reference. */
export interface Question {
  readonly query: Query;
  readonly gotFrom: Answering;
}

/** One run over what is loaded. `question` makes that of a number, each time the same. */
export class Differential {
  readonly #wantedFrom: Answering;
  readonly #question: (number: number) => Question;
  readonly #options: DifferentialOptions;
  readonly #say: (line: string) => void;
  readonly #excused = new Map<string, number>();
  readonly #startedMs = performance.now();
  #next = 0;
  #same = 0;
  #refused = 0;
  #empty = 0;
  #failed = 0;

  constructor(wantedFrom: Answering, question: (number: number) => Question, options: DifferentialOptions, say: (line: string) => void) {
    this.#wantedFrom = wantedFrom;
    this.#question = question;
    this.#options = options;
    this.#say = say;
  }

  async run(): Promise<DifferentialTally> {
    const { query, queries, reference, seed } = this.#options;
    if (query !== undefined) await this.#one(query);
    else await Promise.all(Array.from({ length: WORKERS }, () => this.#work(queries)));
    const excused = [...this.#excused.values()].reduce((sum, count) => sum + count, 0);
    if (query === undefined && this.#next < queries) this.#say(`differential: out of time after ${this.#next} queries`);
    this.#say(`differential: ${this.#same} same (${this.#refused} refused by both, ${this.#empty} empty), ${excused} excused, ${this.#failed} different`);
    let overdrawn = 0;
    for (const exception of reference.exceptions) {
      const count = this.#excused.get(exception.name) ?? 0;
      if (count > 0) this.#say(`  ${count} × ${exception.name}: ${exception.reason}`);
      const max = excusedMax(exception, this.#next);
      if (query !== undefined || count <= max) continue;
      overdrawn += count - max;
      this.#say(`FAILED differential, seed ${seed}: "${exception.name}" excuses ${count} of ${this.#next} answers, and at most ${max} are to be expected`);
    }
    return { passed: this.#same + excused - overdrawn, failed: this.#failed + overdrawn };
  }

  async #work(queries: number): Promise<void> {
    while (this.#next < queries && performance.now() - this.#startedMs < this.#options.durationMs) await this.#one(this.#next++);
  }

  async #one(number: number): Promise<void> {
    const { query, gotFrom } = this.#question(number);
    const comparison = await this.#compare(query, gotFrom);
    if (comparison.difference === undefined) {
      this.#same++;
      if (comparison.wanted.kind === 'error') this.#refused++;
      else if (comparison.wanted.series.length === 0) this.#empty++;
    } else if (comparison.exception !== undefined) {
      const { name } = comparison.exception;
      this.#excused.set(name, (this.#excused.get(name) ?? 0) + 1);
    } else {
      this.#failed++;
      if (this.#failed <= SHOWN_MAX) await this.#show(number, comparison, gotFrom);
    }
  }

  async #show(number: number, comparison: Comparison, gotFrom: Answering): Promise<void> {
    const smallest = await shrink(comparison.query, async (query) => isFailure(await this.#compare(query, gotFrom)));
    const shown = await this.#compare(smallest, gotFrom);
    this.#say(`FAILED differential, seed ${this.#options.seed}, query ${number}: ${comparison.query.expression}`);
    this.#say(await describeFailure(isFailure(shown) ? shown : comparison, this.#wantedFrom));
  }

  #compare(query: Query, gotFrom: Answering): Promise<Comparison> {
    const { exceptions, dialect } = this.#options.reference;
    return compare(query, this.#wantedFrom, gotFrom, exceptions, dialect !== 'old');
  }
}

function isFailure({ difference, exception }: Comparison): boolean {
  return difference !== undefined && exception === undefined;
}
