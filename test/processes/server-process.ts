import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { http } from './http.ts';
import { sleep } from './sleep.ts';

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Standard output and error end here, and in the error message if the server does not come up. */
  readonly logFile: string;
  /** Answers 200 when the server can be used. */
  readonly readyUrl: URL;
}

const READY_MS = 60_000;
const POLL_MS = 50;
const TERM_MS = 30_000;
const LOG_TAIL_LINES = 15;

/**
 * A server started for a test, in a process group of its own: a Ctrl-C at the terminal reaches only us, we stop it in order, and whatever
 * it leaves behind can be killed by that group.
 */
export class ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<string>;
  #exit: string | undefined;

  private constructor(command: ServerCommand, child: ChildProcess, pid: number) {
    this.name = command.name;
    this.pid = pid;
    this.#child = child;
    this.#logFile = command.logFile;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve(this.#exit);
      });
    });
  }

  /** Starts the process without waiting for it, so that whoever owns it can stop it from the first moment on. */
  static async spawn(command: ServerCommand): Promise<ServerProcess> {
    const log = openSync(command.logFile, 'w');
    try {
      const child = spawn(command.command, command.args, {
        cwd: command.folder,
        env: { ...process.env, ...command.env },
        stdio: ['ignore', log, log],
        detached: true,
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      if (child.pid === undefined) throw new Error(`${command.name} has no process id`);
      return new ServerProcess(command, child, child.pid);
    } finally {
      closeSync(log);
    }
  }

  async ready(readyUrl: URL): Promise<void> {
    const deadlineMs = performance.now() + READY_MS;
    while (performance.now() < deadlineMs) {
      if (this.#exit !== undefined) throw new Error(`${this.name} ended with ${this.#exit} before it was ready\n${this.#logTail()}`);
      const status = await http({ method: 'GET', url: readyUrl, timeoutMs: 2_000 }).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) return;
      await sleep(POLL_MS);
    }
    throw new Error(`${this.name} was not ready after ${READY_MS / 1000} s\n${this.#logTail()}`);
  }

  /** Asks it to end, waits, and then makes sure of the whole group. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#exit === undefined) {
      this.#child.kill('SIGTERM');
      const impatience = setTimeout(() => this.kill(), TERM_MS);
      await this.#exited;
      clearTimeout(impatience);
    }
    this.kill();
  }

  /** The last resort, synchronous: what is left of the group dies now. */
  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left in the group.
    }
  }

  #logTail(): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }
}
