import { appendFileSync } from 'node:fs';
import { SeededRandom } from '../fakes/seeded-random.ts';

export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** Of a thousand inputs: a loop that does not end, or not in time. They take a second at most. */
const THOUSAND_MS_MAX = 30_000;
/** Of the process. Inputs have a few thousand bytes, and what is kept for the next one less than a hundred megabytes. */
const RSS_BYTES_MAX = 768 * 2 ** 20;
/** Both outcomes must be common, or the mutations look at one side alone. */
const LEAST_SHARE = 1 / 100;

/** Rounds of a fuzz test: its own default, or what FUZZ_ROUNDS says. */
export function fuzzRounds(usual: number): number {
  return Number(process.env['FUZZ_ROUNDS'] ?? usual);
}

export interface Fuzz {
  /** The format, for `npm run test:fuzz`. */
  readonly name: string;
  readonly rounds: number;
  /** An input of its own, which may be changed. */
  readonly next: (random: SeededRandom) => Uint8Array;
  /** Whether the input is taken; false when it is refused as it should be. Whatever is thrown is a fault. */
  readonly take: (input: Uint8Array, random: SeededRandom) => boolean | Promise<boolean>;
  /** Whether what is valid is taken as before. */
  readonly check: () => void | Promise<void>;
}

export interface FuzzCounts {
  readonly taken: number;
  readonly refused: number;
}

/** What `npm run test:fuzz` reads: a line of JSON for each format in the file that FUZZ_REPORT names. */
export interface FuzzReport extends FuzzCounts {
  readonly name: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Resident set: the most that any thousand rounds ended with. */
  readonly rssBytes: number;
}

/**
 * Runs a fuzz test: no input may make the decoder throw anything but its refusals, take long, or take memory, and what is valid is taken
 * afterwards. Inputs must be both taken and refused. The message of a failure holds all that is needed to repeat it.
 */
export async function fuzz({ name, rounds, next, take, check }: Fuzz): Promise<FuzzCounts> {
  const random = new SeededRandom(FUZZ_SEED);
  const cpuStart = process.cpuUsage();
  const startMs = performance.now();
  let thousandMs = startMs;
  let rssBytes = 0;
  let [taken, refused] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const input = next(random);
    const kept = input.slice();
    try {
      const outcome = take(input, random);
      if (typeof outcome === 'boolean' ? outcome : await outcome) taken++;
      else refused++;
    } catch (error) {
      throw new Error(`${name}: seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(kept).toString('hex')}: ${String(error)}`, { cause: error });
    }
    // Node lets a decompressor that has failed go in the next turn of its event loop; a Worker has one turn a body at the most.
    if (round % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (round % 1000 !== 0) continue;
    await check();
    if (performance.now() - thousandMs > THOUSAND_MS_MAX) throw new Error(`${name}: seed ${FUZZ_SEED}: the thousand rounds up to ${round} took more than ${THOUSAND_MS_MAX} ms`);
    thousandMs = performance.now();
    rssBytes = Math.max(rssBytes, process.memoryUsage.rss());
  }
  await check();
  const { user, system } = process.cpuUsage(cpuStart);
  const report: FuzzReport = { name, taken, refused, seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6, rssBytes };
  const path = process.env['FUZZ_REPORT'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(report)}\n`);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  if (peakBytes > RSS_BYTES_MAX) throw new Error(`${name}: the process has held ${peakBytes} bytes at once, more than ${RSS_BYTES_MAX}`);
  if (Math.min(taken, refused) < rounds * LEAST_SHARE) throw new Error(`${name}: ${taken} inputs were taken and ${refused} refused: mutations must do both`);
  return { taken, refused };
}
