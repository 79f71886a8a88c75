import { SeededRandom } from '../../fakes/seeded-random.ts';
import { findPeers, type PeerName } from '../../bench/peers.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { AnsweringServer } from './answers.ts';
import { compare, type Comparison } from './comparison.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { loadData } from './load-data.ts';
import { randomData } from './random-data.ts';
import { type Query, randomQuery } from './random-queries.ts';
import { describeFailure } from './report.ts';
import { shrink } from './shrink.ts';
import { type DataTimes, dataTimes } from './timing.ts';

export interface DifferentialOptions {
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
const WORKERS = 4;
/** Failures that are shrunk and printed; the rest is counted. */
const SHOWN_MAX = 20;

/** What 2.42 calls differently. */
function inOldWords(expression: string): string {
  return expression.replaceAll('double_exponential_smoothing', 'holt_winters');
}

/**
 * The same random data in Debian's Prometheus and in the subject, and random queries to both: every answer must be the same, apart from the
 * exceptions. Prints each failure as the smallest query that still fails.
 */
export async function runDifferential(sandbox: Sandbox, options: DifferentialOptions, say: (line: string) => void): Promise<DifferentialTally> {
  const { peers } = findPeers(['prometheus', options.subject]);
  const times = dataTimes(Date.now());
  const data = randomData(new SeededRandom(options.seed), times);
  const samples = data.reduce((sum, { values }) => sum + values.length, 0);
  say(`differential: seed ${options.seed}, ${options.queries} queries over ${data.length} series with ${samples} samples`);
  const urls: URL[] = [];
  for (const peer of peers) {
    const { baseUrl } = await peer.start(sandbox);
    await loadData(baseUrl, data);
    urls.push(baseUrl);
  }
  const wantedFrom = new AnsweringServer(urls[0]!, WORKERS, inOldWords);
  const gotFrom = new AnsweringServer(urls[1]!, WORKERS, options.subject === 'prometheus' ? inOldWords : undefined);
  try {
    return await new Differential(wantedFrom, gotFrom, times, options, say).run();
  } finally {
    wantedFrom.close();
    gotFrom.close();
  }
}

/** One run over loaded servers. */
class Differential {
  readonly #wantedFrom: AnsweringServer;
  readonly #gotFrom: AnsweringServer;
  readonly #times: DataTimes;
  readonly #options: DifferentialOptions;
  readonly #say: (line: string) => void;
  readonly #excused = new Map<string, number>();
  readonly #startedMs = performance.now();
  #next = 0;
  #same = 0;
  #refused = 0;
  #empty = 0;
  #failed = 0;

  constructor(wantedFrom: AnsweringServer, gotFrom: AnsweringServer, times: DataTimes, options: DifferentialOptions, say: (line: string) => void) {
    this.#wantedFrom = wantedFrom;
    this.#gotFrom = gotFrom;
    this.#times = times;
    this.#options = options;
    this.#say = say;
  }

  async run(): Promise<DifferentialTally> {
    const { query, queries } = this.#options;
    if (query !== undefined) await this.#one(query);
    else await Promise.all(Array.from({ length: WORKERS }, () => this.#work(queries)));
    const excused = [...this.#excused.values()].reduce((sum, count) => sum + count, 0);
    if (query === undefined && this.#next < queries) this.#say(`differential: out of time after ${this.#next} queries`);
    this.#say(`differential: ${this.#same} same (${this.#refused} refused by both, ${this.#empty} empty), ${excused} excused, ${this.#failed} different`);
    for (const { name, reason } of EXCEPTIONS) {
      const count = this.#excused.get(name) ?? 0;
      if (count > 0) this.#say(`  ${count} × ${name}: ${reason}`);
    }
    return { passed: this.#same + excused, failed: this.#failed };
  }

  async #work(queries: number): Promise<void> {
    while (this.#next < queries && performance.now() - this.#startedMs < this.#options.durationMs) await this.#one(this.#next++);
  }

  async #one(number: number): Promise<void> {
    const comparison = await this.#compare(randomQuery(this.#options.seed, number, this.#times));
    if (comparison.difference === undefined) {
      this.#same++;
      if (comparison.wanted.kind === 'error') this.#refused++;
      else if (comparison.wanted.series.length === 0) this.#empty++;
    } else if (comparison.exception !== undefined) {
      const { name } = comparison.exception;
      this.#excused.set(name, (this.#excused.get(name) ?? 0) + 1);
    } else {
      this.#failed++;
      if (this.#failed <= SHOWN_MAX) await this.#show(number, comparison);
    }
  }

  async #show(number: number, comparison: Comparison): Promise<void> {
    const smallest = await shrink(comparison.query, async (query) => isFailure(await this.#compare(query)));
    const shown = await this.#compare(smallest);
    this.#say(`FAILED differential, seed ${this.#options.seed}, query ${number}: ${comparison.query.expression}`);
    this.#say(await describeFailure(isFailure(shown) ? shown : comparison, this.#wantedFrom));
  }

  #compare(query: Query): Promise<Comparison> {
    return compare(query, this.#wantedFrom, this.#gotFrom);
  }
}

function isFailure({ difference, exception }: Comparison): boolean {
  return difference !== undefined && exception === undefined;
}
