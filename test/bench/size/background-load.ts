import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { http } from '../../processes/http.ts';
import { sleep } from '../../processes/sleep.ts';
import { Random } from '../random.ts';

const SPIN_MS_MAX = 60;
const REST_MS_MAX = 100;
const FILE_BYTES_MAX = 512 * 1024;
const REQUESTS_MAX = 3;

/**
 * A machine with something to do, as those are that get monitored: turns of computing, writing to disk, and talking over the network, of
 * random length, about a third of one core. Seeded, though what the machine makes of it never repeats.
 */
export class BackgroundLoad {
  readonly #random: Random;
  readonly #folder: string;
  readonly #urls: readonly URL[];
  #isRunning = false;
  #turns: Promise<void> = Promise.resolve();

  constructor({ seed, folder, urls }: { readonly seed: number; readonly folder: string; readonly urls: readonly URL[] }) {
    this.#random = new Random(seed);
    this.#folder = join(folder, 'background-load');
    this.#urls = urls;
  }

  start(): void {
    this.#isRunning = true;
    this.#turns = this.#run();
    // `stop` is who hears of it.
    this.#turns.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#turns;
  }

  async #run(): Promise<void> {
    const random = this.#random;
    await mkdir(this.#folder);
    while (this.#isRunning) {
      spin(random.below(SPIN_MS_MAX));
      await this.#writeFile(random.below(FILE_BYTES_MAX));
      for (let left = random.below(REQUESTS_MAX + 1); left > 0; left--) {
        await http({ method: 'GET', url: this.#urls[random.below(this.#urls.length)]! });
      }
      await sleep(random.below(REST_MS_MAX));
    }
  }

  async #writeFile(bytes: number): Promise<void> {
    const path = join(this.#folder, `file-${this.#random.below(8)}`);
    const file = await open(path, 'w');
    try {
      await file.write(Buffer.alloc(bytes, 'varve'));
      await file.sync();
    } finally {
      await file.close();
    }
    if (this.#random.below(4) === 0) await rm(path);
  }
}

function spin(milliseconds: number): void {
  const untilMs = performance.now() + milliseconds;
  for (let sum = 0; performance.now() < untilMs; ) sum += Math.sqrt(sum + 1);
}
