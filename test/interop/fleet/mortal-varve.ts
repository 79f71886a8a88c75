import assert from 'node:assert/strict';
import { VarveProcess } from '../../cli/varve-process.ts';

/** A Varve that lives several times on the same port and data. */
export class MortalVarve {
  readonly baseUrl: URL;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #lives: VarveProcess[] = [];

  constructor(port: number, dataFolder: string) {
    this.baseUrl = new URL(`http://127.0.0.1:${port}`);
    this.#settings = { PORT: String(port), DATA_DIR: dataFolder };
  }

  get processId(): number {
    return this.#life.processId;
  }

  /** What all lives have printed to standard error; nothing, when nothing is wrong. */
  get errors(): string {
    return this.#lives.map((life) => life.errors).join('');
  }

  get #life(): VarveProcess {
    const life = this.#lives.at(-1);
    assert(life !== undefined, 'it was never started');
    return life;
  }

  async start(variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const life = new VarveProcess({ ...this.#settings, ...variables });
    this.#lives.push(life);
    await life.ready();
  }

  /** kill -9 of the process and its children. */
  async kill(): Promise<void> {
    this.#life.killGroup();
    await this.#life.exited;
  }

  async stop(): Promise<void> {
    const { code, signal } = await this.#life.stop('SIGTERM');
    assert(code === 0, `Varve ended with ${code ?? signal}`);
  }

  /** Nothing moves for so long, and connections stay open. */
  async freeze(sleep: (ms: number) => Promise<void>, durationMs: number): Promise<void> {
    process.kill(-this.processId, 'SIGSTOP');
    await sleep(durationMs);
    process.kill(-this.processId, 'SIGCONT');
  }
}
