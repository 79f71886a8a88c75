import { join } from 'node:path';
import { freePort } from './free-port.ts';
import type { Sandbox } from './sandbox.ts';

/** The port of a node_exporter that is ready. */
export async function startNodeExporter(sandbox: Sandbox, command: string): Promise<number> {
  const port = await freePort();
  await sandbox.start({
    name: 'node-exporter',
    command,
    args: [`--web.listen-address=127.0.0.1:${port}`],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'node-exporter.log'),
    readyUrl: new URL(`http://127.0.0.1:${port}/metrics`),
  });
  return port;
}
