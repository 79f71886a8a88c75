import { createServer } from 'node:net';

/** Below where the kernel takes ports for outgoing connections from, of which tests that run side by side make thousands. */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const ATTEMPTS_MAX = 100;

/**
 * A loopback port that was free a moment ago, picked at random so that two callers hardly ever get the same; somebody else could still take
 * it before the server that is to have it does, which then fails to start and says so.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port in ${ATTEMPTS_MAX} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
