/** `npm run bench -- NAME`: Varve beside Debian's prometheus and victoria-metrics, one at a time, on the same seeded load; README.md has the menu. */
import { benchApi } from './api.ts';
import { benchAppend } from './append.ts';
import { benchCost } from './cost/cost.ts';
import { benchDoors } from './doors.ts';
import { benchIngest } from './ingest.ts';
import { benchMemory } from './memory.ts';
import { type BenchName, type BenchOptions, USAGE, UsageError, parseOptions } from './options.ts';
import { benchQuery } from './query.ts';
import { type Report, formatReport, writeJsonReport } from './report.ts';
import { benchRows } from './rows.ts';
import { benchSize } from './size/size.ts';
import { benchStore } from './store.ts';
import { benchTiers } from './tiers/tiers.ts';

const BENCHES: Readonly<Record<BenchName, (options: BenchOptions, say: (line: string) => void) => Promise<Report>>> = {
  api: benchApi,
  ingest: benchIngest,
  query: benchQuery,
  size: benchSize,
  rows: benchRows,
  memory: benchMemory,
  append: benchAppend,
  store: benchStore,
  tiers: benchTiers,
  cost: benchCost,
};

/** Progress goes to standard error, so that standard output holds the report and nothing else. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const [bench, ...args] = process.argv.slice(2);
  // Measures the doors in this process: it has no peers, and no options in common with the others.
  if (bench === 'doors') return benchDoors(args, (line) => process.stdout.write(`${line}\n`));
  const options = parseOptions(process.argv.slice(2));
  const report = await BENCHES[options.bench](options, say);
  process.stdout.write(`${formatReport(report)}\n`);
  if (options.jsonFile !== undefined) writeJsonReport(options.jsonFile, report);
  if (!report.isSound) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    say(`${error.message}\n${USAGE}`);
    process.exitCode = 2;
  } else {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
