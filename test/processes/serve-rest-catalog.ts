import { createServer } from 'node:http';
import type { MemoryRestCatalog } from '../fakes/memory-rest-catalog.ts';
import { freePort } from './free-port.ts';

/** A catalog of the fakes, over HTTP on this machine. Returns its URI, and what ends it. */
export async function serveRestCatalog(catalog: MemoryRestCatalog): Promise<{ readonly uri: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      const init = { method: request.method ?? 'GET', headers: { authorization: request.headers.authorization ?? '' }, ...(body === '' ? {} : { body }) };
      void catalog.fetch(`http://localhost${request.url}`, init).then(
        async (answer) => {
          response.writeHead(answer.status, { 'content-type': 'application/json' });
          response.end(await answer.text());
        },
        // Lost on the way.
        () => response.destroy(),
      );
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { uri: `http://127.0.0.1:${port}/cat`, close: () => server.close() };
}
