import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerCommand, ServerProcess } from './server-process.ts';

/** The last two are what a shell says of a process that a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * A temporary folder and the servers that live in it. `close` stops the servers, last started first, and removes the folder; a signal to
 * this process does the same before it ends, so that nothing is left behind.
 */
export class Sandbox {
  readonly folder: string;
  readonly #servers: ServerProcess[] = [];
  readonly #onSignal = (signal: keyof typeof EXIT_CODES): void => {
    void this.close().finally(() => process.exit(EXIT_CODES[signal]));
  };
  readonly #onExit = (): void => {
    for (const server of this.#servers) server.kill();
    rmSync(this.folder, { recursive: true, force: true });
  };
  #isClosing = false;

  constructor(purpose: string) {
    this.folder = mkdtempSync(join(tmpdir(), `varve-${purpose}-`));
    for (const signal of signals()) process.on(signal, this.#onSignal);
    process.on('exit', this.#onExit);
  }

  makeFolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Starts a server and waits until it says that it is ready. */
  async start(command: ServerCommand): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(command);
    this.#servers.push(server);
    if (this.#isClosing) {
      await server.stop();
      throw new Error(`${command.name} was started while its sandbox was being closed`);
    }
    await server.ready(command.readyUrl);
    return server;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const server of this.#servers.toReversed()) await server.stop();
    this.#servers.length = 0;
    rmSync(this.folder, { recursive: true, force: true });
    for (const signal of signals()) process.off(signal, this.#onSignal);
    process.off('exit', this.#onExit);
  }
}

function signals(): (keyof typeof EXIT_CODES)[] {
  return ['SIGHUP', 'SIGINT', 'SIGTERM'];
}
