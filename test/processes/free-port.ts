import { createServer } from 'node:net';

/**
 * A loopback port that was free a moment ago. The kernel hands ephemeral ports out in turn, so a second caller gets another one;
 * somebody else could still take it before the server that is to have it does, which then fails to start and says so.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the probe has no port'));
        else resolve(address.port);
      });
    });
  });
}
