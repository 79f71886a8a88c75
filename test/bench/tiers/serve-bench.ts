import { startWorker } from '../../../query/cli/worker-process.ts';
import { readSettings } from '../../../query/cli/settings.ts';

/** Serves bench-worker.ts as `npm start` serves the Worker, until it is killed. */
await startWorker({ ...readSettings(process.env), selfScrape: false }, 'test/bench/tiers/bench-worker.ts');
