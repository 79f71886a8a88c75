import { expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named, write } from './batches.ts';

const SERIES = 50_000;
/** The promise is one second; machines that test are slower and busy. */
const REOPEN_MS_MAX = 3000;

test('50,000 series with nine labels and a full log are back in good time', { timeout: 60_000 }, () => {
  const sql = new NodeSql();
  const store = new HotStore(sql);
  const series = Array.from({ length: SERIES }, (_, i) =>
    named(`metric_${i % 100}_total`, { job: `job-${i % 10}`, instance: `10.0.${i % 250}.1:9100`, pod: `pod-${i % 500}-x`, namespace: `ns-${i % 20}`, cluster: 'c', code: String(i % 5), path: `/p/${i}`, zone: `z${i % 3}` }),
  );
  let entries = 0;
  for (let scrape = 0; entries + SERIES <= LIMITS.logEntriesMax; scrape++, entries += SERIES) {
    write(store, series.map((labels) => ({ labels, samples: [[scrape * 15_000, scrape]] })));
  }
  expect(store.stats().gauges).toMatchObject({ series: SERIES, log_entries: entries });
  // The best of three: what else the machine does is not the store's.
  let bestMs = Infinity;
  for (let attempt = 0; attempt < 3; attempt++) {
    const startMs = performance.now();
    const reopened = new HotStore(new NodeSql(sql.database));
    bestMs = Math.min(bestMs, performance.now() - startMs);
    expect(reopened.stats().gauges).toMatchObject({ series: SERIES, log_entries: entries });
  }
  console.log(`reopened ${SERIES} series and ${entries} log entries in ${bestMs.toFixed(0)} ms`);
  expect(bestMs).toBeLessThan(REOPEN_MS_MAX);
});
