import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import type { ServerCommand } from './server-process.ts';

export const VARVE_VERSION: string = manifest.version;

const PROJECT_FOLDER = fileURLToPath(new URL('../../', import.meta.url).href);

/** How Varve is started on one machine, as `npm start` does it, but on a port and in a folder of the caller's and without scraping itself. */
export function varveCommand(port: number, dataFolder: string, logFile: string): ServerCommand {
  return {
    name: 'varve',
    command: process.execPath,
    args: ['query/cli/serve.ts'],
    env: { PORT: String(port), HOST: '127.0.0.1', DATA_DIR: dataFolder, VARVE_SELF_SCRAPE: 'off' },
    folder: PROJECT_FOLDER,
    logFile,
    readyUrl: new URL(`http://127.0.0.1:${port}/-/ready`),
  };
}
