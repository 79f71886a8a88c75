import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';

export const ROOT = join(import.meta.dirname, '../..');
const START_MS = 30_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly afterMs: number;
}

const running = new Set<VarveProcess>();

/** For after each test: whatever a failed test has left behind ends here. */
export function killAll(): void {
  for (const varve of running) varve.killGroup();
}

/** A Varve started as a user starts it, in a process group of its own, with what it prints. */
export class VarveProcess {
  readonly baseUrl: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = '';
  #errors = '';

  /** `command` is what Node runs. */
  constructor(environment: Readonly<Record<string, string>>, command: readonly string[] = [join(ROOT, 'query/cli/serve.ts')]) {
    this.baseUrl = `http://127.0.0.1:${environment['PORT']}`;
    this.#child = spawn(process.execPath, command, {
      env: { ...process.env, HOST: '127.0.0.1', VARVE_SELF_SCRAPE: 'off', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    const startMs = performance.now();
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        running.delete(this);
        resolve({ code, signal, afterMs: performance.now() - startMs });
      });
    });
    running.add(this);
  }

  get output(): string {
    return this.#output;
  }

  get processId(): number {
    return this.#child.pid!;
  }

  /** What it printed to standard error: a user sees it, so in a good run it is empty. Left out is what workerd says of an alarm that was due while nothing ran. */
  get errors(): string {
    return this.#errors.replace(/^NOSENTRY SQLite alarm overdue.*\n/gm, '');
  }

  /** Waits for the welcome; a process that ends before is an error. */
  async ready(): Promise<this> {
    const deadlineMs = performance.now() + START_MS;
    let exit: Exit | undefined;
    void this.exited.then((ended) => (exit = ended));
    while (!this.#output.includes('Stop with Ctrl-C.')) {
      if (exit !== undefined || performance.now() > deadlineMs) throw new Error(`Varve did not start: ${this.#output}${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this;
  }

  /** Sends a signal to the process alone, as a supervisor does, and waits for its end. */
  async stop(signal: NodeJS.Signals): Promise<Exit> {
    const startMs = performance.now();
    this.#child.kill(signal);
    const { code, signal: by } = await this.exited;
    return { code, signal: by, afterMs: performance.now() - startMs };
  }

  /** kill -9 of the process and all its children at once. */
  killGroup(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  write(series: readonly WriteRequestSeries[]): Promise<Response> {
    return fetch(`${this.baseUrl}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      body: snappyEncode(encodeWriteRequest(series)),
    });
  }

  /** The result of an instant query. */
  async query(query: string, timeMs: number): Promise<unknown> {
    const answer = await fetch(`${this.baseUrl}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query, time: String(timeMs / 1000) }) });
    const envelope = (await answer.json()) as { data?: { result: unknown }; error?: string };
    if (envelope.data === undefined) throw new Error(`${query}: ${envelope.error}`);
    return envelope.data.result;
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.baseUrl}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}{`));
    if (line === undefined) throw new Error(`no ${name} in ${text}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }
}
