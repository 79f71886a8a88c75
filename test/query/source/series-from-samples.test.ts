import { describe, expect, test } from 'vitest';
import type { RawSeries } from '../../../promql/series-source.ts';
import { SeriesFromSamples } from '../../../query/source/series-from-samples.ts';
import { compareLabels, labelsFrom, labelValue, type Labels } from '../../../storage/model/labels.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';

/** Series of two names in two regions: `Region` is sorted before the name. */
const ALL: readonly Labels[] = ['A', 'B']
  .flatMap((region) => ['calls', 'latency'].flatMap((name) => ['1', '2', '3'].map((pod) => labelsFrom({ __name__: name, pod, Region: region }))))
  .concat(['1', '2'].map((pod) => labelsFrom({ pod })))
  .sort(compareLabels);

class Selects {
  readonly asked: (readonly Matcher[])[] = [];
  closed = 0;

  async *select(matchers: readonly Matcher[]): AsyncGenerator<RawSeries> {
    this.asked.push(matchers);
    try {
      for (const labels of ALL) {
        if (!matchers.every(({ name, value }) => labelValue(labels, name) === value)) continue;
        yield { labels, timestampsMs: Float64Array.of(1), values: Float64Array.of(1), isStale: undefined, histograms: undefined, startTimestampsMs: undefined };
      }
    } finally {
      this.closed++;
    }
  }
}

describe('series from samples', () => {
  test('every series is found, and one select answers for all of a name', async () => {
    const selects = new Selects();
    const found = new SeriesFromSamples((matchers) => selects.select(matchers));
    for (const labels of ALL) expect((await found.find(labels))?.labels).toEqual(labels);
    await found.close();
    // Two regions with two names each, and the series without a name.
    expect(selects.asked.length).toBe(5);
    expect(selects.closed).toBe(5);
  });

  test('some of them, and one that has no samples', async () => {
    const selects = new Selects();
    const found = new SeriesFromSamples((matchers) => selects.select(matchers));
    const of = (pod: string): Labels => labelsFrom({ __name__: 'latency', pod, Region: 'A' });
    expect(await found.find(of('0'))).toBeUndefined();
    expect((await found.find(of('2')))?.labels).toEqual(of('2'));
    expect(await found.find(of('22'))).toBeUndefined();
    expect((await found.find(of('3')))?.labels).toEqual(of('3'));
    expect(await found.find(of('4'))).toBeUndefined();
    await found.close();
    expect(selects).toMatchObject({ asked: { length: 1 }, closed: 1 });
  });

  test('what is left open is closed', async () => {
    const selects = new Selects();
    const found = new SeriesFromSamples((matchers) => selects.select(matchers));
    await found.find(ALL[0]!);
    await found.close();
    await found.close();
    expect(selects.closed).toBe(1);
  });
});
