/** `npm run bench -- ingest|query`: Varve beside Debian's prometheus and victoria-metrics, one at a time, on the same seeded load. */
import { benchIngest } from './ingest.ts';
import { USAGE, UsageError, parseOptions } from './options.ts';
import { benchQuery } from './query.ts';
import { formatReport, writeJsonReport } from './report.ts';

/** Progress goes to standard error, so that standard output holds the report and nothing else. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const report = await (options.bench === 'ingest' ? benchIngest(options, say) : benchQuery(options, say));
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
