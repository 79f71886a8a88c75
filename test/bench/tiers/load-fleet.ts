import { sleep } from '../../processes/sleep.ts';
import type { BenchServer } from './bench-server.ts';
import { FIRST_LONG_SERIES, LONG_SERIES, SAMPLES_PER_DAY, type Fleet } from './fleet-days.ts';

/** Loaded in one request: some twenty files. */
const SERIES_PER_LOAD = 1_820;
const LONG_DAYS_TOLD = 100;
/** Roll-ups are made some time after the last files of a day have come. */
const SETTLE_MS = 20 * 60_000;
const ROLL_UP_WAIT_MS = 1_800_000;
/** What the catalog still does behind the roll-ups: merging files, its tables. Queries are timed behind that, if it ends. */
const REST_MS = 300_000;

/** Loads all samples, oldest first, as shards commit them. */
export async function loadFleet(server: BenchServer, { series, days, firstDay, firstLongDay }: Fleet, say: (line: string) => void): Promise<void> {
  const load = async (day: number, first: number, end: number): Promise<number> => (await server.ask('/bench/load', { day, first, end })).json as number;
  let bytes = 0;
  for (let day = firstLongDay; day < firstDay + days; day++) {
    await load(day, FIRST_LONG_SERIES, FIRST_LONG_SERIES + LONG_SERIES);
    if ((day - firstLongDay + 1) % LONG_DAYS_TOLD === 0) say(`loaded ${day - firstLongDay + 1} days of ${LONG_SERIES} series`);
    if (day < firstDay) continue;
    for (let first = 0; first < series; first += SERIES_PER_LOAD) bytes += await load(day, first, Math.min(series, first + SERIES_PER_LOAD));
    say(`loaded ${day - firstDay + 1} of ${days} days, ${(bytes / ((day - firstDay + 1) * series * SAMPLES_PER_DAY)).toFixed(2)} bytes a sample`);
  }
}

/** Lets the time come at which the catalog rolls up what was loaded, and waits until it has, and is at rest. */
export async function rollUpFleet(server: BenchServer, { days, firstDay, firstLongDay }: Fleet, say: (line: string) => void): Promise<void> {
  const startMs = performance.now();
  const cpuBefore = server.processes.cpuSeconds();
  await server.ask('/bench/clock', { offset: SETTLE_MS });
  const last = firstDay + days - 1;
  for (let told = -1; ; ) {
    const { rollup_1h: hours = 0 } = (await server.ask('/bench/rollups', { first: firstLongDay, last })).json as Readonly<Record<string, number>>;
    if (hours > last - firstLongDay) break;
    if (hours >= told + LONG_DAYS_TOLD) say(`${(told = hours)} of ${last - firstLongDay + 1} days are rolled up`);
    if (performance.now() - startMs > ROLL_UP_WAIT_MS) throw new Error(`${hours} of ${last - firstLongDay + 1} days are rolled up after ${ROLL_UP_WAIT_MS / 1000} s`);
    await sleep(500);
  }
  // Not by the CPU that is used: whoever looks at the heap meanwhile uses some all the time.
  for (const endMs = performance.now() + REST_MS; performance.now() < endMs && (await server.ask('/bench/rest')).json !== true; ) await sleep(500);
  say(`all days are rolled up, and the catalog at rest, after ${(server.processes.cpuSeconds() - cpuBefore).toFixed(0)} CPU-s`);
}
