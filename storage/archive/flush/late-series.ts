import { dayOf } from '../../catalog/iceberg/data-file.ts';
import type { Labels } from '../../model/labels.ts';
import { labelsKey } from '../../model/labels.ts';
import type { LateQueue } from '../../shard/late/late-queue.ts';
import { floatSource } from '../../shard/run/sample-run.ts';
import { SampleRun } from '../../shard/run/sample-run.ts';
import { compareSeries } from '../../shard/select/read-window.ts';

/** A series' late samples of one day, in the order of time. */
export interface LateDaySeries {
  readonly labels: Labels;
  readonly run: SampleRun;
}

/** The samples of late batches, named by their sequences, by day, each day's series in the order of `compareSeries`; of equal timestamps the one that came last stays. */
export function lateSeriesByDay(queue: Pick<LateQueue, 'read'>, sequences: readonly number[]): LateDaySeries[][] {
  const days = new Map<number, Map<string, LateDaySeries>>();
  for (const sequence of sequences) {
    queue.read(sequence, ({ labels, timestampsMs, valueBits, startsMs }) => {
      const key = labelsKey(labels);
      const source = { ...floatSource(timestampsMs, valueBits), startsMs: startsMs.some((startMs) => startMs !== 0) ? startsMs : undefined };
      // Samples of a batch are in any order: each goes to its day, and stretches of one day go together.
      for (let from = 0, to = 0; from < timestampsMs.length; from = to) {
        const day = dayOf(timestampsMs[from]!);
        while (to < timestampsMs.length && dayOf(timestampsMs[to]!) === day) to++;
        let series = days.get(day);
        if (series === undefined) days.set(day, (series = new Map()));
        let known = series.get(key);
        if (known === undefined) series.set(key, (known = { labels, run: new SampleRun(to - from) }));
        known.run.append(source, from, to);
      }
    });
  }
  return [...days.keys()]
    .sort((a, b) => a - b)
    .map((day) => {
      const series = [...days.get(day)!.values()].sort((a, b) => compareSeries(a.labels, b.labels));
      for (const { run } of series) run.settle();
      return series;
    });
}
